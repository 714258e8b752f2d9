import { Migration } from '@mikro-orm/migrations'

/** Who did what an event tells of, where its tool said another than the principal of the call. */
export class EventAuthor extends Migration {
  override name = '2026-11-25-event-author'

  override up(): void {
    this.addSql('alter table event add column author text')
  }
}
