import { parseRfc3339 } from '../rfc3339.ts'
import type { Field, FilterFields } from './field.ts'
import { and, EVERYTHING, type Filter, type FilterTest, NOTHING, not, or, type Predicate } from './filter.ts'
import { filterError } from './filter-error.ts'
import type { FilterComparison, FilterExpression } from './parser.ts'
import { parseFilter } from './parser.ts'

/** Reads a filter over the given fields. An empty one lets everything through. Throws FILTER_INVALID. */
export function compileFilter<M>(text: string, fields: FilterFields<M>): Filter<M> {
  return bindFilter(parseFilter(text), fields)
}

/**
 * Checks an expression against the fields of a kind. Fields in `elsewhere` are known, and no resource of this
 * kind has them. Throws FILTER_INVALID with the position of an unknown field, operator or value.
 */
export function bindFilter<M>(
  expression: FilterExpression | undefined,
  fields: FilterFields<M>,
  elsewhere: FilterFields<never> = new Map(),
): Filter<M> {
  if (expression === undefined) return EVERYTHING
  switch (expression.type) {
    case 'and':
      return and(expression.terms.map((term) => bindFilter(term, fields, elsewhere)))
    case 'or':
      return or(expression.terms.map((term) => bindFilter(term, fields, elsewhere)))
    case 'not':
      return not(bindFilter(expression.term, fields, elsewhere))
    case 'comparison':
      return bindComparison(expression, fields, elsewhere)
  }
}

function bindComparison<M>(
  comparison: FilterComparison,
  fields: FilterFields<M>,
  elsewhere: FilterFields<never>,
): Filter<M> {
  const { name, key } = comparison.field
  const field = fields.get(name)
  if (field === undefined) {
    const other = elsewhere.get(name)
    if (other === undefined) {
      const known = [...new Set([...fields.keys(), ...elsewhere.keys()])].sort().join(', ')
      throw filterError(`unknown field ${JSON.stringify(name)}; known are ${known}`, comparison.field)
    }
    bindTest(comparison, other)
    return NOTHING
  }
  if (key !== undefined && field.type !== 'map') {
    throw filterError(`${name} has no keys; only a map such as labels does`, comparison.field)
  }
  return bindTest(comparison, field)
}

function bindTest<M>(comparison: FilterComparison, field: Field<M>): FilterTest<M> {
  const { operator, value } = comparison
  const { key } = comparison.field
  const negated = operator === '!='
  const test = (predicate: Predicate, at = key): FilterTest<M> => ({
    type: 'test',
    field,
    key: at,
    predicate,
    negated,
  })
  if (field.type === 'map' && key === undefined) {
    if (operator !== ':') {
      throw filterError(
        `${field.name} is compared by key (${field.name}.key), or as ${field.name}:key`,
        comparison.operatorSpan,
      )
    }
    if (value.anyBefore || value.anyAfter) throw filterError('a key holds no wildcard', value)
    return test({ op: 'set' }, value.text)
  }
  // `field:*` asks whether the field is set, whatever its type.
  if (operator === ':' && value.text === '' && value.anyBefore) return test({ op: 'set' })
  if (field.type === 'whole' || field.type === 'time' || field.type === 'enum') {
    if (value.anyBefore || value.anyAfter) throw filterError(`${field.name} takes no wildcard`, value)
  }
  switch (field.type) {
    case 'whole':
      return test({ op: ordered(operator), value: wholeValue(comparison) })
    case 'time':
      return test({ op: ordered(operator), value: timeValue(comparison) })
    case 'enum':
      refuseOrder(comparison, field.name)
      return test({ op: 'equal', value: enumValue(comparison, field.values) })
    case 'list':
      refuseOrder(comparison, field.name)
      return test(textPredicate(comparison, field.collection ?? '', false))
    case 'id':
      return test(textPredicate(comparison, field.collection))
    default:
      return test(textPredicate(comparison, ''))
  }
}

/** `:` holds the text anywhere, or in a list equals one of the values (`has` false). */
function textPredicate(comparison: FilterComparison, collection: string, has = true): Predicate {
  const { operator, value } = comparison
  const { anyBefore, anyAfter } = value
  const text =
    !anyBefore && value.text.startsWith(collection) ? value.text.slice(collection.length) : value.text
  if (operator === ':' && has) {
    if (anyBefore || anyAfter) throw filterError(': takes no wildcard: it looks anywhere already', value)
    return { op: 'like', text, anyBefore: true, anyAfter: true }
  }
  if (!anyBefore && !anyAfter) return { op: ordered(operator), value: text }
  if (operator !== '=' && operator !== '!=' && operator !== ':') {
    throw filterError(`a wildcard goes with = and !=, not with ${operator}`, value)
  }
  return text === '' ? { op: 'set' } : { op: 'like', text, anyBefore, anyAfter }
}

const OPERATIONS = {
  '=': 'equal',
  '!=': 'equal',
  ':': 'equal',
  '<': 'less',
  '<=': 'atMost',
  '>': 'greater',
  '>=': 'atLeast',
} as const

const ordered = (operator: FilterComparison['operator']) => OPERATIONS[operator]

function refuseOrder(comparison: FilterComparison, name: string): void {
  if (ordered(comparison.operator) === 'equal') return
  throw filterError(`${name} has no order; compare it with = or !=`, comparison.operatorSpan)
}

function wholeValue({ field, value }: FilterComparison): bigint {
  if (!/^-?[0-9]{1,30}$/.test(value.text)) throw filterError(`${field.name} is a whole number`, value)
  return BigInt(value.text)
}

function timeValue({ field, value }: FilterComparison): bigint {
  const instant = parseRfc3339(value.text)
  if (instant === undefined) {
    throw filterError(`${field.name} is a time such as "2026-05-02T10:00:00Z"`, value)
  }
  return instant
}

function enumValue({ field, value }: FilterComparison, values: Readonly<Record<string, number>>): bigint {
  const number = values[value.text.toUpperCase()]
  if (number === undefined) {
    throw filterError(`${field.name} is one of ${Object.keys(values).join(', ')}`, value)
  }
  return BigInt(number)
}
