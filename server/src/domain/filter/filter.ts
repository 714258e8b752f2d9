import type { Field } from './field.ts'

/** What a set value is asked. Text compares by code point, times in microseconds since 1970. */
export type Predicate =
  | { op: 'set' }
  | { op: 'equal' | 'less' | 'atMost' | 'greater' | 'atLeast'; value: string | bigint }
  /** Text that begins with, ends with or holds `text`, by where wildcards stood. */
  | { op: 'like'; text: string; anyBefore: boolean; anyAfter: boolean }

/** One question about one field. An unset field answers no, negated or not. */
export interface FilterTest<M> {
  type: 'test'
  field: Field<M>
  /** The key, for a field that is a map. */
  key: string | undefined
  predicate: Predicate
  negated: boolean
}

/** A filter whose fields, operators and values were found to fit a kind of resource. */
export type Filter<M> =
  | { type: 'constant'; value: boolean }
  | { type: 'and' | 'or'; terms: Filter<M>[] }
  | { type: 'not'; term: Filter<M> }
  | FilterTest<M>

export const EVERYTHING = { type: 'constant', value: true } as const
export const NOTHING = { type: 'constant', value: false } as const

export function and<M>(terms: Filter<M>[]): Filter<M> {
  return combine('and', terms)
}

export function or<M>(terms: Filter<M>[]): Filter<M> {
  return combine('or', terms)
}

export function not<M>(term: Filter<M>): Filter<M> {
  return term.type === 'constant' ? { type: 'constant', value: !term.value } : { type: 'not', term }
}

/** Constants are folded away, so a filter is either one constant or holds none. */
function combine<M>(type: 'and' | 'or', terms: Filter<M>[]): Filter<M> {
  const absorbing = type === 'or'
  const kept: Filter<M>[] = []
  for (const term of terms) {
    if (term.type !== 'constant') kept.push(term)
    else if (term.value === absorbing) return term
  }
  if (kept.length === 0) return { type: 'constant', value: !absorbing }
  return kept.length === 1 ? kept[0]! : { type, terms: kept }
}

/** The filter's tests that must each hold: the terms of an AND, or the one test. */
export function conjuncts<M>(filter: Filter<M>): Filter<M>[] {
  return filter.type === 'and' ? filter.terms.flatMap(conjuncts) : [filter]
}

/**
 * The weakest filter on `fields` alone that holds wherever `filter` does. With the fields that never change,
 * a read of the past may apply it to rows as they are now.
 */
export function relax<M>(filter: Filter<M>, fields: ReadonlySet<string>): Filter<M> {
  switch (filter.type) {
    case 'constant':
      return filter
    case 'and':
      return and(filter.terms.map((term) => relax(term, fields)))
    case 'or':
      return or(filter.terms.map((term) => relax(term, fields)))
    case 'not':
      return concernsOnly(filter.term, fields) ? filter : EVERYTHING
    case 'test':
      return fields.has(filter.field.name) ? filter : EVERYTHING
  }
}

function concernsOnly<M>(filter: Filter<M>, fields: ReadonlySet<string>): boolean {
  switch (filter.type) {
    case 'constant':
      return true
    case 'and':
    case 'or':
      return filter.terms.every((term) => concernsOnly(term, fields))
    case 'not':
      return concernsOnly(filter.term, fields)
    case 'test':
      return fields.has(filter.field.name)
  }
}
