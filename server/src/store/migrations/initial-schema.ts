import { Migration } from '@mikro-orm/migrations'

/**
 * The first schema. Names of rows are unique under collation "C", so that keyset pages and JavaScript agree
 * on their order. `id`s of resources come from one counter in the ledger row and are unique over all kinds.
 * `body` is the resource as protobuf: the truth. The other columns are what filters and orders need of it.
 */
export class InitialSchema extends Migration {
  override name = '2026-11-22-initial-schema'

  override up(): void {
    this.addSql(`
      create table ledger (
        id smallint primary key check (id = 1),
        epoch bigint not null,
        head bigint not null,
        compacted bigint not null,
        next_id bigint not null,
        last_time timestamptz not null,
        system_identifier text not null,
        timeline integer not null
      );
      insert into ledger values (1, 1, 0, 0, 1, clock_timestamp(), '', 0);

      create table ledger_commit (
        revision bigint primary key,
        committed_at timestamptz not null
      );
      create index on ledger_commit (committed_at, revision);

      create table change (
        revision bigint not null,
        ordinal integer not null,
        kind smallint not null,
        resource_id bigint not null,
        committed_at timestamptz not null,
        body bytea not null,
        primary key (revision, ordinal)
      );
      alter table change alter column body set storage external;
      create index change_resource on change (resource_id, revision);
      create index change_instance on change (committed_at) include (resource_id, revision) where kind = 4;

      create table machine (
        id bigint primary key,
        name text collate "C" not null unique,
        revision bigint not null,
        create_revision bigint not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        observed_at timestamptz not null,
        lifecycle smallint not null,
        labels jsonb not null,
        arch text not null,
        os_type text not null,
        cpu_logical_count integer not null,
        memory_bytes bigint not null,
        disk_bytes bigint not null,
        body bytea not null
      ) with (fillfactor = 70);
      create index on machine (create_revision);
      create index on machine using gin (labels jsonb_path_ops);

      create table machine_alias (
        kind smallint not null,
        value text collate "C" not null,
        machine_id bigint not null,
        primary key (kind, value, machine_id)
      );
      create index on machine_alias (machine_id);

      create table facet (
        id bigint primary key,
        name text collate "C" not null unique,
        revision bigint not null,
        create_revision bigint not null,
        machine_id bigint not null,
        observed_at timestamptz not null,
        body bytea not null
      ) with (fillfactor = 70);
      alter table facet alter column body set storage external;
      create index on facet (machine_id);
      create index on facet (create_revision);

      create table process_scan (
        machine_id bigint primary key,
        observed_at timestamptz not null,
        body bytea not null
      ) with (fillfactor = 70);

      create table service (
        id bigint primary key,
        name text collate "C" not null unique,
        revision bigint not null,
        create_revision bigint not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        kind text collate "C" not null,
        owner text collate "C" not null,
        labels jsonb not null,
        body bytea not null
      ) with (fillfactor = 80);
      create index on service (create_revision);
      create index on service using gin (labels jsonb_path_ops);

      create table instance (
        id bigint primary key,
        name text collate "C" not null unique,
        revision bigint not null,
        create_revision bigint not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        observed_at timestamptz not null,
        machine_id bigint not null,
        service_id bigint not null,
        machine text collate "C" not null,
        service text collate "C" not null,
        slot text collate "C" not null,
        environment text collate "C" not null,
        state smallint not null,
        state_at timestamptz,
        running_version text collate "C" not null,
        deployed_version text collate "C" not null,
        labels jsonb not null,
        body bytea not null
      ) with (fillfactor = 70);
      create unique index instance_matrix on instance (service, machine, slot);
      create index instance_service on instance (service, name);
      create index instance_environment on instance (environment, name);
      create index instance_machine on instance (machine, name);
      create index instance_created on instance (created_at, name);
      create index on instance (machine_id);
      create index on instance (create_revision);
      create index on instance using gin (labels jsonb_path_ops);

      create table condition (
        id bigint primary key,
        name text collate "C" not null unique,
        revision bigint not null,
        create_revision bigint not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        body bytea not null
      );

      create table source (
        id bigint primary key,
        name text collate "C" not null unique,
        created_at timestamptz not null,
        last_contact_at timestamptz not null
      ) with (fillfactor = 70);

      create table source_epoch (
        source_id bigint not null,
        epoch bigint not null,
        high_water bigint not null,
        gaps int8multirange not null,
        primary key (source_id, epoch)
      ) with (fillfactor = 70);

      create table event (
        occurred_at timestamptz not null,
        recorded_at timestamptz not null,
        source_id bigint not null,
        id uuid not null,
        epoch bigint not null,
        seq bigint not null,
        type smallint not null,
        effect smallint not null,
        machine_id bigint,
        service_id bigint,
        environment text collate "C",
        principal text not null,
        revision bigint,
        body bytea not null
      ) partition by range (occurred_at);
      create index event_occurred on event (occurred_at);
      create index event_rare on event (type, occurred_at) where type in (15, 16, 30);
      create index event_machine on event (machine_id, occurred_at);
      create index event_service on event (service_id, occurred_at);

      create table event_target (
        machine_id bigint not null,
        occurred_at timestamptz not null,
        source_id bigint not null,
        event_id uuid not null,
        primary key (machine_id, occurred_at, source_id, event_id)
      );
    `)
  }
}
