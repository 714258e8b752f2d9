import { Migration } from '@mikro-orm/migrations'

/**
 * Each server looks at all leases that live four times a second, and those that have ended are kept for a day. A beat
 * changes no column of this index, nor of its condition, and so stays on its page.
 */
export class LiveLeases extends Migration {
  override name = '2026-11-29-live-leases'

  override up(): void {
    this.addSql(`create index lease_live on lease (id) where ended_at is null;`)
  }
}
