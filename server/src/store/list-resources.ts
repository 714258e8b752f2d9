import type { Filter } from '../domain/filter/filter.ts'
import type { KindMessage } from '../domain/kind.ts'
import type { Order } from '../domain/order.ts'
import { LISTINGS, type ListedKind } from './listed-kind.ts'
import type { ReadPoint } from './read-point.ts'
import { sortedRows } from './sorted-rows.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'
import { type Page, walkRows } from './walk-rows.ts'

export interface ResourceQuery<K extends ListedKind> {
  kind: K
  filter: Filter<KindMessage[K]>
  order: Order
  at: ReadPoint
  /** The `next` of the page before. */
  after: string[] | undefined
  limit: number
}

/** How many parts the key of a page has in this order. */
export const keyLength = (order: Order): number => (order.field === 'name' ? 1 : 2)

/**
 * A page of machines, services or instances as of one revision. A page may be shorter than asked for, or
 * empty, while there is more: a page looks at a bounded number of rows.
 */
export function listResources<K extends ListedKind>(
  store: Store,
  { kind, order, ...query }: ResourceQuery<K>,
): Promise<Page<KindMessage[K]>> {
  const listing = LISTINGS[kind]
  if (order.field !== 'name') return sortedRows(store, { listing, order, ...query })
  return walkRows(store, {
    listing,
    order: { columns: [sql`t.name`], descending: order.descending },
    keyOf: (resource) => [resource.name],
    ...query,
  })
}
