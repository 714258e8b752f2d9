import { conjuncts, type Filter, type FilterTest } from '../domain/filter/filter.ts'
import type { KindMessage } from '../domain/kind.ts'
import type { ListedKind, Listing } from './listed-kind.ts'
import { joinSql, type Sql, sql } from './sql.ts'

/** Sorts after every character that an id may hold. */
const AFTER_IDS = '\x7f'

/**
 * What a filter says outright of the columns that lists walk along, as a condition that an index can follow:
 * the name, the machine (with which an instance's name begins) and the service. Holds wherever the filter does.
 */
export function keyRange<K extends ListedKind>(listing: Listing<K>, filter: Filter<KindMessage[K]>): Sql {
  const bounds: Sql[] = []
  for (const term of conjuncts(filter)) {
    if (term.type === 'test' && !term.negated) bounds.push(...boundsOf(listing, term))
  }
  return bounds.length === 0 ? sql`true` : joinSql(bounds, ' and ')
}

/** Whether a filter says anything of those columns outright. */
export function narrowsRange<K extends ListedKind>(
  listing: Listing<K>,
  filter: Filter<KindMessage[K]>,
): boolean {
  return conjuncts(filter).some(
    (term) => term.type === 'test' && !term.negated && boundsOf(listing, term).length > 0,
  )
}

/** Whether the range says all that the filter does. Then nothing is left to look at in a row, also of the past. */
export function isRange<K extends ListedKind>(listing: Listing<K>, filter: Filter<KindMessage[K]>): boolean {
  if (filter.type === 'constant') return filter.value
  return conjuncts(filter).every(
    (term) => term.type === 'test' && !term.negated && boundsOf(listing, term).length > 0 && isExact(term),
  )
}

/** A range of names ends a machine's id at `~`, so an id that could hold one is not all that the range says. */
function isExact<M>({ predicate }: FilterTest<M>): boolean {
  return (
    predicate.op !== 'set' &&
    /^[A-Za-z0-9._@+-]*$/.test(predicate.op === 'like' ? predicate.text : String(predicate.value))
  )
}

function boundsOf<K extends ListedKind>(
  { collection, kind }: Listing<K>,
  { field, predicate }: FilterTest<KindMessage[K]>,
): Sql[] {
  const isPrefix = predicate.op === 'like' && predicate.anyAfter && !predicate.anyBefore
  if (!isPrefix && predicate.op !== 'equal') return []
  const text = predicate.op === 'like' ? predicate.text : String(predicate.value)
  const startsWith = (start: string): Sql[] => [
    sql`t.name >= ${start}::text`,
    sql`t.name < ${start + AFTER_IDS}::text`,
  ]
  switch (field.name) {
    case 'name':
      return isPrefix ? startsWith(`${collection}${text}`) : [sql`t.name = ${`${collection}${text}`}::text`]
    case 'machine':
      if (kind !== 'instance') return []
      return startsWith(isPrefix ? `${collection}${text}` : `${collection}${text}~`)
    case 'service':
      return kind === 'instance' && !isPrefix ? [sql`t.service = ${text}::text`] : []
    default:
      return []
  }
}
