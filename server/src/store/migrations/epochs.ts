import { Migration } from '@mikro-orm/migrations'

/** What an epoch leaves to the next: see `begin_epoch`. */
export class Epochs extends Migration {
  override name = '2026-11-25-epochs'

  override up(): void {
    this.addSql(`
      -- Before this time no lock is granted: somebody may still believe that it holds one of the epoch before.
      alter table ledger add column grants_from timestamptz not null default 'epoch';
      -- Whether its epoch is over: it cannot be beaten any more, and so its client finds out.
      alter table lease add column epoch_over boolean not null default false;

      -- Which history of the cluster this is: another one from each promotion on.
      create function current_timeline() returns integer language sql as $$
        select ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int
      $$;

      -- Begins the epoch after this one, unless another one than 'expected' has begun. Revisions and ids are moved on,
      -- past whatever the old epoch lost, so that a fencing token rises and no name is used again, for ever; within an
      -- epoch revisions stay dense. Locks that were lost are not known, and the leases of those who hold them may be lost
      -- as well: so for the longest TTL of a lease that is known nothing is granted at all.
      create function begin_epoch(expected bigint default null) returns void language plpgsql as $$
      declare begun timestamptz;
      begin
        select greatest(clock_timestamp(), last_time) into begun from ledger
          where id = 1 and epoch = coalesce(expected, epoch) for update;
        if not found then return; end if;
        -- In the order of heartbeats, so that neither waits for the other.
        perform from lease where ended_at is null order by id for update;
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
