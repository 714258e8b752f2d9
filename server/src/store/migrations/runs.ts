import { Migration } from '@mikro-orm/migrations'

/**
 * Runs, their targets, and their logs. The log is beside the ledger: `run_log` says how long it is, a chunk is
 * some entries, compressed. Each index of `run` gives the newest page by one field.
 */
export class Runs extends Migration {
  override name = '2026-11-25-runs'

  override up(): void {
    this.addSql(`
      create table run (
        id bigint primary key,
        name text collate "C" not null unique,
        revision bigint not null,
        create_revision bigint not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        started_at timestamptz not null,
        ended_at timestamptz,
        kind smallint not null,
        state smallint not null,
        service text collate "C" not null,
        version text collate "C" not null,
        environment text collate "C" not null,
        slot text collate "C" not null,
        author text collate "C" not null,
        title text collate "C" not null,
        parent text collate "C" not null,
        labels jsonb not null,
        body bytea not null
      ) with (fillfactor = 70);
      create index on run (create_revision);
      create index run_newest on run (started_at, id);
      create index run_service on run (service, started_at, id);
      create index run_version on run (version, started_at, id);
      create index run_environment on run (environment, started_at, id);
      create index run_author on run (author, started_at, id);
      create index run_state on run (state, started_at, id);
      create index run_kind on run (kind, started_at, id);
      create index run_parent on run (parent, started_at, id) where parent <> '';
      create index on run using gin (labels jsonb_path_ops);

      create table run_target (
        run_id bigint not null,
        machine text collate "C" not null,
        outcome smallint not null,
        message text not null,
        reported_at timestamptz not null,
        started_at timestamptz not null,
        primary key (run_id, machine)
      ) with (fillfactor = 70);
      create index run_target_machine on run_target (machine, started_at, run_id);

      create table run_log (
        run_id bigint primary key,
        size bigint not null
      ) with (fillfactor = 50);

      create table run_log_chunk (
        run_id bigint not null,
        first_byte bigint not null,
        bytes integer not null,
        body bytea not null,
        primary key (run_id, first_byte)
      );
      alter table run_log_chunk alter column body set storage external;

      create index event_run on event (type, occurred_at) where type in (22, 23, 24);
    `)
  }
}
