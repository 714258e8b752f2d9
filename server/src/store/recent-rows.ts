import type { Instance } from '../../../proto/gen/holdfast/v1/service.ts'
import type { Filter } from '../domain/filter/filter.ts'
import { matcher } from '../domain/filter/matches.ts'
import type { Order } from '../domain/order.ts'
import { keyRange, narrowsRange } from './key-range.ts'
import { LISTINGS } from './listed-kind.ts'
import type { Page } from './page.ts'
import { commitTime, type ReadPoint } from './read-point.ts'
import { type ResourceRow, resourceOf, stateColumns } from './resource-row.ts'
import { sortedRows } from './sorted-rows.ts'
import { type Sql, sql, sqlMicros, sqlTime } from './sql.ts'
import type { Store } from './store.ts'
import { isSparseServed, mayMatch } from './walk-rows.ts'

/** Changes looked at first; a filter that most pass has filled its page by then. */
const PROBE_CHANGES = 2000
/** Changes looked at for one page at the most; then the page is short. */
const SCAN_CHANGES = 10_000

export interface RecentRead {
  filter: Filter<Instance>
  order: Order
  at: ReadPoint
  /** The time of change and name to go on after. */
  after: string[] | undefined
  limit: number
}

interface RecentRow extends ResourceRow {
  changed_at: bigint
}

const listing = LISTINGS.instance

/**
 * Instances by when they last changed, newest first, as of a revision. An index on `updated_at` would make
 * every change of an instance rewrite all its index entries (18 µs became 80); the changes are in this order
 * already, and each instance's last one up to the revision is always kept.
 */
export async function recentRows(store: Store, read: RecentRead): Promise<Page<ResourceRow>> {
  const { filter, at, limit } = read
  if (filter.type === 'constant' && !filter.value) return { resources: [], next: undefined }
  // A machine's or a service's instances are few enough to sort, and few among the latest changes.
  if (narrowsRange(listing, filter)) return sortedRows(store, { ...read, listing })
  const matches = matcher(filter)
  const found: RecentRow[] = []
  let position = await firstPosition(store, read)
  for (const changes of [PROBE_CHANGES, SCAN_CHANGES]) {
    if (changes === SCAN_CHANGES && isSparseServed(listing, filter)) {
      const rest = await sortedRows(store, {
        ...read,
        listing,
        after: keyOf(position),
        limit: limit - found.length,
      })
      return { resources: [...found, ...rest.resources], next: rest.next }
    }
    const begin = await timeBefore(store, position, changes)
    const want = limit + 1 - found.length
    for (;;) {
      const rows = await store.query<RecentRow & { [column: string]: unknown }>(
        changesBetween(read, { position, begin, want }).toQuery(),
      )
      for (const row of rows) {
        if (row.current || matches(resourceOf('instance', row, at))) found.push(row)
        if (found.length > limit) {
          const page = found.slice(0, limit)
          return { resources: page, next: keyOf({ time: page.at(-1)!.changed_at, name: page.at(-1)!.name }) }
        }
        position = { time: row.changed_at, name: row.name }
      }
      if (rows.length < want) break
    }
    if (begin === undefined) return { resources: found, next: undefined }
    // Names come before nothing: what changed at `begin` itself has been seen.
    position = { time: begin, name: '' }
  }
  return { resources: found, next: keyOf(position) }
}

/** A place in the order: before what changed at `time` under a name after `name`. */
interface Position {
  time: bigint
  name: string
}

const keyOf = ({ time, name }: Position): string[] => [String(time), name]

/** Sorts after every name of an instance. */
const AFTER_NAMES = 'j'

async function firstPosition(store: Store, { after, at }: RecentRead): Promise<Position> {
  if (after !== undefined) return { time: BigInt(after[0]!), name: after[1]! }
  return { time: await commitTime(store, at.revision), name: AFTER_NAMES }
}

/** When the change was made that is `changes` before a position; undefined when there are fewer. */
async function timeBefore(
  store: Store,
  { time, name }: Position,
  changes: number,
): Promise<bigint | undefined> {
  // Before all names nothing of that moment is left; with it, more changes than `changes` would lead to it again.
  const until = name === '' ? sql`c.committed_at < ${sqlTime(time)}` : sql`c.committed_at <= ${sqlTime(time)}`
  const [row] = await store.query<{ time: bigint }>(
    sql`select ${sqlMicros(sql`c.committed_at`)} as time from change c
      where c.kind = 4 and ${until}
      order by c.committed_at desc offset ${changes - 1} limit 1`.toQuery(),
  )
  return row?.time
}

function changesBetween(
  { filter, at }: RecentRead,
  { position, begin, want }: { position: Position; begin: bigint | undefined; want: number },
): Sql {
  const time = sqlTime(position.time)
  const from = begin === undefined ? sql`true` : sql`x.committed_at >= ${sqlTime(begin)}`
  return sql`
    select ${stateColumns(at, 'instance')}, ${sqlMicros(sql`p.committed_at`)} as changed_at, encode(c.body, 'base64') as body
    from (
      select x.committed_at, x.revision, x.resource_id, t.name from change x
      join instance t on t.id = x.resource_id
      where x.kind = 4 and x.revision <= ${at.revision} and x.committed_at <= ${time} and ${from}
        and not exists (
          select 1 from change y
          where y.resource_id = x.resource_id and y.revision > x.revision and y.revision <= ${at.revision})
        and (x.committed_at, t.name) < (${time}, ${position.name}::text)
        and ${keyRange(listing, filter)} and ${mayMatch(listing, filter, at)}
      order by x.committed_at desc, t.name desc limit ${want}
    ) p
    join instance t on t.id = p.resource_id
    join change c on c.resource_id = p.resource_id and c.revision = p.revision
    order by p.committed_at desc, p.name desc`
}
