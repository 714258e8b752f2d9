import { Migration } from '@mikro-orm/migrations'

/** A piece of a log has several texts: see log-text.ts. What was indexed before is indexed again. */
export class RunTextParts extends Migration {
  override name = '2026-11-25-run-text-parts'

  override up(): void {
    this.addSql(`
      truncate run_log_text, run_log_unindexed;
      alter table run_log_text add column part integer not null;
      alter table run_log_text drop constraint run_log_text_pkey;
      alter table run_log_text add primary key (run_id, first_byte, part);
      insert into run_log_unindexed (run_id, first_byte, bytes)
        select run_id, first_byte, bytes from run_log_chunk order by run_id, first_byte;
    `)
  }
}
