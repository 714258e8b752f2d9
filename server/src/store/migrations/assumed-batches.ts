import { Migration } from '@mikro-orm/migrations'

/** What lets a writer send a batch on the assumption that the ledger is as it left it: see AssumedLedger. */
export class AssumedBatches extends Migration {
  override name = '2026-11-25-assumed-batches'

  override up(): void {
    this.addSql(`
      -- Which writer's batch was the last: a number that each connection of a writer draws.
      alter table ledger add column writer bigint not null default 0;

      create function require(condition boolean, what text) returns boolean language plpgsql as $$
      begin
        if condition then return true; end if;
        raise exception using errcode = 'HF001', message = what;
      end $$;
    `)
  }
}
