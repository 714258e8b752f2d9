import { Migration } from '@mikro-orm/migrations'

/** Leases, locks and holds. */
export class Locks extends Migration {
  override name = '2026-11-25-locks'

  override up(): void {
    this.addSql(`
      -- No index on expires_at: a heartbeat changes nothing else, and so stays on its page.
      create table lease (
        id uuid primary key,
        secret_hash bytea not null,
        ttl_ms integer not null,
        expires_at timestamptz not null,
        ended_at timestamptz,
        created_at timestamptz not null,
        owner text not null,
        principal text not null
      ) with (fillfactor = 50);

      -- When a server last took heartbeats: after an outage leases get their TTL anew.
      create table lease_clock (
        id smallint primary key,
        served_at timestamptz not null
      ) with (fillfactor = 50);
      insert into lease_clock (id, served_at) values (1, clock_timestamp());

      -- scopes: each in full, such as production/airship/*, a line each.
      create table lock (
        id bigint primary key,
        name text collate "C" not null unique,
        revision bigint not null,
        create_revision bigint not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        state smallint not null,
        mode smallint not null,
        end_cause smallint not null,
        scopes text not null,
        owner text collate "C" not null,
        principal text collate "C" not null,
        lease text collate "C" not null,
        body bytea not null
      ) with (fillfactor = 70);
      create index lock_active on lock (id) where state < 3;

      create table hold (
        id bigint primary key,
        name text collate "C" not null unique,
        revision bigint not null,
        create_revision bigint not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        state smallint not null,
        scopes text not null,
        author text collate "C" not null,
        until_condition text collate "C" not null,
        body bytea not null
      ) with (fillfactor = 70);
      create index hold_standing on hold (id) where state < 2;

      -- What writers follow to keep their tables of locks, and the timeline of locks.
      create index change_lock on change (revision) where kind in (6, 7);

      alter table condition add column satisfied_by text collate "C" not null default '';
    `)
  }
}
