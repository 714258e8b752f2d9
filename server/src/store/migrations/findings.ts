import { Migration } from '@mikro-orm/migrations'

/** What discovery found. `observed_at` is in no index, so that seeing a finding again stays a HOT update. */
export class Findings extends Migration {
  override name = '2026-11-25-findings'

  override up(): void {
    this.addSql(`
      create table finding (
        id bigint primary key,
        name text collate "C" not null unique,
        revision bigint not null,
        create_revision bigint not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        observed_at timestamptz not null,
        machine_id bigint not null,
        machine text collate "C" not null,
        service text collate "C" not null,
        slot text collate "C" not null,
        state smallint not null,
        state_at timestamptz,
        decision smallint not null,
        rule text collate "C" not null,
        version text collate "C" not null,
        body bytea not null
      ) with (fillfactor = 70);
      create index on finding (machine_id);
      create index on finding (service, name);
      create index on finding (state, name);
      create index on finding (create_revision);
    `)
  }
}
