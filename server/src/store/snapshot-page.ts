import type { KindName } from '../domain/kind.ts'
import type { Store } from './store.ts'

export interface SnapshotRow {
  name: string
  /** The resource as it is stored. */
  body: Buffer
}

const statement = (table: KindName): string => `
  select r.name, case when r.revision <= $1 then r.body else c.body end as body
  from (select id, name, revision, body from ${table}
        where name > $2 and create_revision <= $1 order by name limit $3) r
  left join lateral (select body from change
        where r.revision > $1 and resource_id = r.id and revision <= $1
        order by revision desc limit 1) c on true
  order by r.name`

/**
 * A page of one kind of resource as of `revision`, in order of name. Rows that have not changed since come
 * from the current table, the others from the change table, so that a page costs the same at any revision.
 */
export function snapshotPage(
  store: Store,
  {
    kind,
    revision,
    afterName,
    limit,
  }: { kind: KindName; revision: bigint; afterName: string; limit: number },
): Promise<SnapshotRow[]> {
  return store.query<SnapshotRow & Record<string, unknown>>({
    name: `snapshot-${kind}`,
    text: statement(kind),
    values: [revision, afterName, limit],
  })
}
