import { Migration } from '@mikro-orm/migrations'

/** What must be true of an assumed batch is asked by one call: see AssumedLedger. */
export class AssumeFunction extends Migration {
  override name = '2026-11-25-assume-function'

  override up(): void {
    this.addSql(`
      -- Locks the ledger if it stands where it was left, then reads the clock. Fails with HF001 when anything is not so.
      create function assume(at_epoch bigint, at_head bigint, at_next_id bigint, by_writer bigint, about timestamptz, leases uuid[])
      returns timestamptz language plpgsql as $$
      declare
        now timestamptz;
      begin
        perform from ledger
          where id = 1 and epoch = at_epoch and head = at_head and next_id = at_next_id and writer = by_writer for update;
        if not found then
          raise exception using errcode = 'HF001', message = 'the ledger has moved';
        end if;
        now := clock_timestamp();
        if now not between about - interval '1 second' and about + interval '1 second' then
          raise exception using errcode = 'HF001', message = 'the clock is not where it was';
        end if;
        if exists (select from unnest(leases) u(id) where not exists (
            select from lease l where l.id = u.id and l.ended_at is null and l.expires_at > now)) then
          raise exception using errcode = 'HF001', message = 'a lease is over';
        end if;
        return now;
      end $$;

      drop function require(boolean, text);
      -- Read anew, and parsed, for each statement that updates the row.
      alter table ledger drop constraint ledger_id_check;
    `)
  }
}
