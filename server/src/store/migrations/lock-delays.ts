import { Migration } from '@mikro-orm/migrations'

/**
 * Locks that were lost and are in the way for a while after their end: as with those that live, apart from their rows. A
 * server that begins its table of locks cannot find them among the last changes, of which a busy minute has too many.
 */
export class LockDelays extends Migration {
  override name = '2026-11-29-lock-delays'

  override up(): void {
    this.addSql(`
      -- What is over goes when the next one comes.
      create table lock_delay (
        lock_id bigint primary key,
        until timestamptz not null
      );
    `)
  }
}
