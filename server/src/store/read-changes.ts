import type { Instant } from '../domain/instant.ts'
import { kindName } from '../domain/kind.ts'
import type { ChangeRecord } from '../domain/rows.ts'
import type { Queries } from './connections.ts'
import { micros } from './pg-types.ts'

/** A change as it is read back, with the time of its commit. */
export interface StoredChange extends Omit<ChangeRecord, 'name'> {
  committedAt: Instant
}

// One statement, so one snapshot: the head and the changes up to it belong together. The image before is
// asked for because a resource that leaves a filter is only known to leave by what it was.
const CHANGES = `
  select c.revision, c.ordinal, c.kind, c.resource_id, ${micros('c.committed_at')} as committed_at, c.body, p.body as before
  from (select * from change where revision > $1 and revision <= (select head from ledger where id = 1)
        order by revision, ordinal limit $2) c
  left join lateral (select body from change where resource_id = c.resource_id and revision < c.revision
        order by revision desc limit 1) p on true
  order by c.revision, c.ordinal`

/** The changes of the next whole revisions after `after`; about `limit` of them, more when one revision has more. */
export async function readChanges(database: Queries, after: bigint, limit: number): Promise<StoredChange[]> {
  for (let asked = limit; ; asked *= 4) {
    const rows = await database.query<{
      revision: bigint
      ordinal: number
      kind: number
      resource_id: bigint
      committed_at: bigint
      body: Buffer
      before: Buffer | null
    }>({ name: 'changes', text: CHANGES, values: [after, asked] })
    // A page that is full may end in the middle of a revision, which must arrive whole.
    const last = rows.length === asked ? rows.at(-1)!.revision : undefined
    const whole = last === undefined ? rows : rows.filter(({ revision }) => revision < last)
    if (whole.length === 0 && rows.length > 0) continue
    return whole.map((row) => ({
      revision: row.revision,
      ordinal: row.ordinal,
      kind: kindName(row.kind),
      resourceId: row.resource_id,
      committedAt: row.committed_at as Instant,
      body: row.body,
      before: row.before ?? undefined,
    }))
  }
}
