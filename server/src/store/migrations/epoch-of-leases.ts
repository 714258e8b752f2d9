import { Migration } from '@mikro-orm/migrations'

/**
 * Has who opens a lease wait for an epoch that is beginning. One that was opened in the meantime lived on, and its client
 * was told the epoch before: it would have taken locks of an old primary that came back.
 */
export class EpochOfLeases extends Migration {
  override name = '2026-11-29-epoch-of-leases'

  override up(): void {
    this.addSql(`
      create or replace function begin_epoch(expected bigint default null) returns void language plpgsql as $$
      declare begun timestamptz;
      begin
        select greatest(clock_timestamp(), last_time) into begun from ledger
          where id = 1 and epoch = coalesce(expected, epoch) for update;
        if not found then return; end if;
        -- Who writes a lease is done before, or waits and finds the new epoch.
        lock table lease in share row exclusive mode;
        update lease set epoch_over = true, expires_at = begun + ttl_ms * interval '1 millisecond'
          where ended_at is null and not epoch_over;
        update ledger set epoch = epoch + 1, head = head + 4294967296, next_id = next_id + 4294967296,
          -- Or the next writer that connects begins another one.
          system_identifier = (select c.system_identifier::text from pg_control_system() c), timeline = current_timeline(),
          grants_from = greatest(grants_from, begun + (
            select coalesce(max(ttl_ms), 30000) * interval '1 millisecond' from lease)) where id = 1;
      end $$;
    `)
  }
}
