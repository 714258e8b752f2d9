import { Migration } from '@mikro-orm/migrations'

/**
 * The words of logs. Without positions and each once a chunk, they take a fraction of the log; beside the chunk,
 * they go when it goes. Chunks of before have none, and are not found.
 */
export class RunSearch extends Migration {
  override name = '2026-11-25-run-search'

  override up(): void {
    this.addSql(`
      alter table run_log_chunk add column words tsvector;
      create index run_log_chunk_words on run_log_chunk using gin (words);
    `)
  }
}
