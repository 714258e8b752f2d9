import type { Field } from '../domain/filter/field.ts'
import type { Filter } from '../domain/filter/filter.ts'
import { matcher } from '../domain/filter/matches.ts'
import { compareText } from '../domain/filter/text-order.ts'
import { instantFromTimestamp } from '../domain/instant.ts'
import { type KindMessage, ResourceKind } from '../domain/kind.ts'
import { type Order, orderTooWide } from '../domain/order.ts'
import { type FilterColumn, filterSql } from './filter-sql.ts'
import type { ListedKind, Listing } from './listed-kind.ts'
import type { Page } from './page.ts'
import type { ReadPoint } from './read-point.ts'
import { type ResourceRow, resourceOf, rowColumns } from './resource-row.ts'
import { type Sql, sql, sqlMicros, sqlTime } from './sql.ts'
import type { Store } from './store.ts'

/** Resources changed since the revision that a page may put into order here at the most. */
const MAX_CHANGED = 20_000
/** How far behind the head a read may be to find what changed since by its changes; else the table is read. */
const FEW_REVISIONS = 5000

export interface SortedRead<K extends ListedKind> {
  listing: Listing<K>
  filter: Filter<KindMessage[K]>
  order: Order
  at: ReadPoint
  /** The sort key and name to go on after. */
  after: string[] | undefined
  limit: number
}

/**
 * One page of a kind at a revision, in the order of a field that may change, then of name. Rows that have not
 * changed since come sorted from the table; those that have are decoded as they were, and put between them.
 * Throws INVALID_REQUEST when more have changed than that is reasonable for.
 */
export async function sortedRows<K extends ListedKind>(
  store: Store,
  read: SortedRead<K>,
): Promise<Page<ResourceRow>> {
  const { listing, filter, order, at, limit } = read
  if (filter.type === 'constant' && !filter.value) return { resources: [], next: undefined }
  const field = listing.fields.get(order.field)!
  const sign = order.descending ? -1 : 1
  const compare = (a: SortKey, b: SortKey): number => sign * compareSortKeys(a, b)
  const start = read.after === undefined ? undefined : parseKey(field, read.after)

  const unchanged = await store.query<SortedRow>(unchangedRows(read, start).toQuery())
  const found = unchanged.map(
    (row): Keyed => ({ key: { value: row.sort_value ?? undefined, name: row.name }, row }),
  )
  // One state of the ledger, at which nothing has changed since: most reads of now need no more. Otherwise what has
  // is read after, so that what changes in between is in both rather than in neither.
  const isHead = unchanged[0]?.head === at.revision
  const changed = isHead ? [] : await store.query<ResourceRow>(changedRows(read).toQuery())
  if (changed.length > MAX_CHANGED) throw orderTooWide(order, MAX_CHANGED)
  const matches = matcher(filter)
  const names = new Set(changed.length > 0 ? unchanged.map(({ name }) => name) : [])
  for (const row of changed) {
    if (names.has(row.name)) continue
    const resource = resourceOf(listing.kind, row, at)
    const key = { value: sortValue(field, resource), name: row.name }
    if (start !== undefined && compare(key, start) <= 0) continue
    if (matches(resource)) found.push({ key, row })
  }
  if (changed.length > 0) found.sort((a, b) => compare(a.key, b.key))
  const page = found.slice(0, limit)
  const next = found.length > limit ? formatKey(page.at(-1)!.key) : undefined
  return { resources: page.map(({ row }) => row), next }
}

interface SortedRow extends ResourceRow {
  sort_value: string | bigint | null
  /** Where the ledger stood. */
  head: bigint
  [column: string]: unknown
}

interface Keyed {
  key: SortKey
  row: ResourceRow
}

/** Text, or a number, enum or time as a bigint; undefined is an unset time, which comes first. */
interface SortKey {
  value: string | bigint | undefined
  name: string
}

function sortValue<M>(field: Field<M>, resource: M): string | bigint | undefined {
  switch (field.type) {
    case 'text':
    case 'id':
      return field.get(resource)
    case 'whole':
    case 'enum':
      return BigInt(field.get(resource))
    case 'time': {
      const time = field.get(resource)
      return time === undefined ? undefined : instantFromTimestamp(time)
    }
    default:
      throw new TypeError(`${field.name} has no order`)
  }
}

function compareSortKeys(a: SortKey, b: SortKey): number {
  return compareValues(a.value, b.value) || compareText(a.name, b.name)
}

function compareValues(a: SortKey['value'], b: SortKey['value']): number {
  if (a === b) return 0
  if (a === undefined) return -1
  if (b === undefined) return 1
  if (typeof a === 'string') return compareText(a, b as string)
  return a < (b as bigint) ? -1 : 1
}

const UNSET = 'unset'

const formatKey = ({ value, name }: SortKey): string[] => [value === undefined ? UNSET : String(value), name]

function parseKey<M>(field: Field<M>, [value, name]: string[]): SortKey {
  if (field.type === 'text' || field.type === 'id') return { value: value!, name: name! }
  return { value: value === UNSET ? undefined : BigInt(value!), name: name! }
}

function unchangedRows<K extends ListedKind>(
  { listing, filter, order, at, limit }: SortedRead<K>,
  start: SortKey | undefined,
): Sql {
  const { column, value, toSql } = sortColumn(listing.columns.get(order.field)!)
  const direction = order.descending ? sql` desc` : sql``
  const few = listing.few?.(filter) ?? sql`true`
  const key = start === undefined ? sql`true` : afterKey(column, { value: toSql(start.value), start, order })
  return sql`select ${rowColumns(at, listing.kind)}, ${value} as sort_value,
      (select l.head from ledger l where l.id = 1) as head from (
      select t.id from ${listing.table} t
      where t.revision <= ${at.revision} and ${few} and ${filterSql(filter, listing.columns)} and ${key}
      order by ${column}${direction}, t.name${direction} limit ${limit + 1}
    ) p join ${listing.table} t on t.id = p.id
    order by ${column}${direction}, t.name${direction}`
}

function afterKey(column: Sql, { value, start, order }: { value: Sql; start: SortKey; order: Order }): Sql {
  const [left, right] = [sql`(${column}, t.name)`, sql`(${value}, ${start.name}::text)`]
  return order.descending ? sql`${left} < ${right}` : sql`${left} > ${right}`
}

interface SortColumn {
  column: Sql
  /** The column as a SortKey has it. */
  value: Sql
  /** A SortKey's value as the column has it. */
  toSql: (value: SortKey['value']) => Sql
}

function sortColumn(at: FilterColumn): SortColumn {
  switch (at.type) {
    case 'text':
      return { column: at.column, value: at.column, toSql: (value) => sql`${String(value)}::text` }
    case 'number':
      return {
        column: at.column,
        value: sql`${at.column}::int8`,
        toSql: (value) => sql`${String(value)}::int8`,
      }
    case 'time':
      return {
        value: sqlMicros(at.column),
        column: at.nullable ? sql`coalesce(${at.column}, '-infinity'::timestamptz)` : at.column,
        toSql: (value) => (value === undefined ? sql`'-infinity'::timestamptz` : sqlTime(value as bigint)),
      }
    default:
      throw new TypeError('labels and lists have no order')
  }
}

function changedRows<K extends ListedKind>({ listing, at }: SortedRead<K>): Sql {
  const since =
    at.head - at.revision > FEW_REVISIONS
      ? sql`true`
      : sql`t.id in (select c.resource_id from change c where c.kind = ${ResourceKind[listing.kind]} and c.revision > ${at.revision})`
  return sql`select ${rowColumns(at, listing.kind)} from ${listing.table} t
    where t.revision > ${at.revision} and t.create_revision <= ${at.revision} and ${since}
    limit ${MAX_CHANGED + 1}`
}
