import { Migration } from '@mikro-orm/migrations'

/**
 * What logs are found by, apart from the chunks: an append is as fast as its chunk is written, and what was appended
 * line by line is indexed in pieces worth an index entry. `run_log_unindexed` is what has not got there yet; it
 * begins with the logs that are there. The index over parts of words needs an extension, see log-trigrams.ts.
 */
export class RunText extends Migration {
  override name = '2026-11-25-run-text'

  override up(): void {
    this.addSql(`
      create table run_log_text (
        run_id bigint not null,
        first_byte bigint not null,
        bytes integer not null,
        tokens text collate "C" not null,
        words tsvector not null,
        primary key (run_id, first_byte)
      );
      create index run_log_text_words on run_log_text using gin (words);

      create table run_log_unindexed (
        id bigint generated always as identity primary key,
        run_id bigint not null,
        first_byte bigint not null,
        bytes integer not null
      );
      insert into run_log_unindexed (run_id, first_byte, bytes)
        select run_id, first_byte, bytes from run_log_chunk order by run_id, first_byte;

      drop index run_log_chunk_words;
      alter table run_log_chunk drop column words;
    `)
  }
}
