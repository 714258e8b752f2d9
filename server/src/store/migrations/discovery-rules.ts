import { Migration } from '@mikro-orm/migrations'

/** The rules of discovery that people put; at most some hundred, always read together. */
export class DiscoveryRules extends Migration {
  override name = '2026-11-25-discovery-rules'

  override up(): void {
    this.addSql(`
      create table rule (
        id bigint primary key,
        name text collate "C" not null unique,
        revision bigint not null,
        create_revision bigint not null,
        created_at timestamptz not null,
        updated_at timestamptz not null,
        body bytea not null
      );
    `)
  }
}
