import { Migration } from '@mikro-orm/migrations'

/** How often what was found is looked for, in milliseconds, 0 where nobody said; and whether it is there: 1, or 2. In no index. */
export class FindingFreshness extends Migration {
  override name = '2026-11-25-finding-freshness'

  override up(): void {
    // Vanished and withdrawn are 4 and 7. Of those that were decided otherwise the next change tells.
    this.addSql(`
      alter table finding add column report_interval_ms bigint not null default 0;
      alter table finding add column present smallint not null default 1;
      update finding set present = 2 where state in (4, 7);
    `)
  }
}
