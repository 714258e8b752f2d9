import { KIND_NAMES, type KindName } from '../domain/kind.ts'
import { revisionCompacted } from '../domain/lost-position.ts'
import { bodyAt } from './resource-row.ts'
import { Sql, sql } from './sql.ts'
import type { Store } from './store.ts'

/** Each kind has a table of its name. */
const TABLES = Object.fromEntries(KIND_NAMES.map((kind) => [kind, new Sql([kind], [])])) as Record<
  KindName,
  Sql
>

/** What is over may be left out where it has not changed since; of the rest, who reads decides. */
function mayStand(kind: KindName, revision: bigint): Sql {
  if (kind === 'lock')
    return sql`t.id in (select id from live_lock_id
      union select c.resource_id from change c where c.kind = 6 and c.kind in (6, 7) and c.revision > ${revision})`
  if (kind === 'hold') return sql`(t.state < 2 or t.revision > ${revision})`
  return sql`true`
}

export interface SnapshotQuery {
  kind: KindName
  revision: bigint
  /** Empty from the start. */
  afterName: string
  limit: number
}

/**
 * The next resources of a kind in the order of their names, as they were at a revision, as they are stored.
 * Fewer than `limit` at the end. Throws REVISION_COMPACTED when one of them is no longer kept.
 */
export async function snapshotPage(
  store: Store,
  { kind, revision, afterName, limit }: SnapshotQuery,
): Promise<{ name: string; body: Buffer }[]> {
  const rows = await store.query<{ name: string; body: Buffer | null }>(
    sql`select t.name, ${bodyAt(revision, kind)} as body from ${TABLES[kind]} t
      where ${mayStand(kind, revision)} and t.name > ${afterName}::text and t.create_revision <= ${revision}
      order by t.name limit ${limit}`.toQuery(),
  )
  for (const { body } of rows) if (body === null) throw revisionCompacted(revision, revision + 1n)
  return rows as { name: string; body: Buffer }[]
}
