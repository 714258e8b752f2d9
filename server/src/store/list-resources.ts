import type { Scope } from '../../../proto/gen/holdfast/v1/scope.ts'
import type { Filter } from '../domain/filter/filter.ts'
import type { KindMessage } from '../domain/kind.ts'
import type { Order } from '../domain/order.ts'
import { parseFindingName, parseInstanceName } from '../domain/resource-name.ts'
import type { FilterColumn } from './filter-sql.ts'
import { LISTINGS, type ListedKind } from './listed-kind.ts'
import { onlyOverlapping, overlapListing } from './overlapping.ts'
import type { Page } from './page.ts'
import type { ReadPoint } from './read-point.ts'
import { type RecentRead, recentRows } from './recent-rows.ts'
import type { ResourceRow } from './resource-row.ts'
import { sortedRows } from './sorted-rows.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'
import { walkRows } from './walk-rows.ts'

export interface ResourceQuery<K extends ListedKind> {
  kind: K
  filter: Filter<KindMessage[K]>
  order: Order
  at: ReadPoint
  /** The `next` of the page before. */
  after: string[] | undefined
  limit: number
  /** Of locks and holds: only what overlaps this. In its one spelling. */
  overlapping?: Scope | undefined
}

/** How many parts the key of a page has in this order. */
export const keyLength = (order: Order): number => (order.field === 'name' ? 1 : 2)

/**
 * A page of a kind as of one revision. A page may be shorter than asked for, or
 * empty, while there is more: a page looks at a bounded number of rows.
 */
export function listResources<K extends ListedKind>(
  store: Store,
  { kind, order, overlapping, ...rest }: ResourceQuery<K>,
): Promise<Page<ResourceRow>> {
  const listing = overlapping === undefined ? LISTINGS[kind] : overlapListing(LISTINGS[kind], overlapping)
  const query = overlapping === undefined ? rest : { ...rest, filter: onlyOverlapping(listing, rest.filter) }
  const { descending } = order
  if (order.field === 'name') {
    const keyOf = ({ name }: ResourceRow) => [name]
    return walkRows(store, { listing, order: { columns: [sql`t.name`], descending }, keyOf, ...query })
  }
  const field = listing.fields.get(order.field)!
  if (field.type === 'id') {
    // Part of the identity, so its index can be walked as that of the name can.
    const column = listing.columns.get(field.name) as FilterColumn & { type: 'text' }
    const part = field.name as 'machine' | 'service'
    const keyOf = ({ name }: ResourceRow) => [
      (kind === 'finding' ? parseFindingName(name) : parseInstanceName(name))![part],
      name,
    ]
    return walkRows(store, {
      listing,
      order: { columns: [column.column, sql`t.name`], descending },
      keyOf,
      ...query,
    })
  }
  if (kind === 'instance' && field.name === 'update_time' && descending) {
    return recentRows(store, { order, ...query } as unknown as RecentRead)
  }
  return sortedRows(store, { listing, order, ...query })
}
