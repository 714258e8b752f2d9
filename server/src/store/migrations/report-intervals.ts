import { Migration } from '@mikro-orm/migrations'

/** How often machines and instances are reported, in milliseconds; 0 where nobody said. In no index. */
export class ReportIntervals extends Migration {
  override name = '2026-11-25-report-intervals'

  override up(): void {
    this.addSql(`
      alter table machine add column report_interval_ms bigint not null default 0;
      alter table instance add column report_interval_ms bigint not null default 0;
    `)
  }
}
