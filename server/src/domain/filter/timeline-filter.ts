import type { TimelineEntry } from '../../../../proto/gen/holdfast/v1/timeline.ts'
import { EventType } from '../event-type.ts'
import { compileFilter } from './bind-filter.ts'
import { filterFields } from './field.ts'
import { and, conjuncts, type Filter, type FilterTest } from './filter.ts'
import { filterError } from './filter-error.ts'
import { type FilterComparison, type FilterExpression, parseFilter } from './parser.ts'
import { machineId, serviceId } from './resource-fields.ts'

/** A filter of the timeline. */
export interface TimelineFilter {
  /** The id of the machine that entries are about. */
  machine: string | undefined
  /** The id of the service that entries are about. */
  service: string | undefined
  /** The type of event, by its number, if the filter names one. */
  type: number | undefined
  /** What else is asked, of environment, type, source, principal and author. */
  rest: Filter<TimelineEntry>
}

/** `machineObserved` is `machine_observed` in a filter, as in the proto. */
const TYPES = Object.fromEntries(
  Object.entries(EventType).map(([name, type]) => [name.replace(/[A-Z]/g, '_$&').toUpperCase(), type]),
)

const FIELDS = filterFields<TimelineEntry>(
  { name: 'machine', type: 'id', collection: 'machines/', get: (e) => machineId(e.machine) },
  { name: 'service', type: 'id', collection: 'services/', get: (e) => serviceId(e.service) },
  { name: 'environment', type: 'text', get: (e) => e.environment },
  {
    name: 'type',
    type: 'enum',
    values: TYPES,
    get: (e) => (e.event?.payload === undefined ? 0 : EventType[e.event.payload.$case]),
  },
  { name: 'source', type: 'text', get: (e) => e.source },
  { name: 'principal', type: 'text', get: (e) => e.principal },
  { name: 'author', type: 'text', get: (e) => e.author },
)

/**
 * Reads a filter of the timeline: comparisons joined by AND; machine and service with `=` and one id each.
 * Throws FILTER_INVALID.
 */
export function compileTimelineFilter(text: string): TimelineFilter {
  const expression = parseFilter(text)
  const ids = new Map<string, string>()
  for (const comparison of comparisonsOf(expression)) {
    const { field, operator, value } = comparison
    if (field.name !== 'machine' && field.name !== 'service') continue
    if (operator !== '=' || value.anyBefore || value.anyAfter) {
      throw filterError(`the timeline takes ${field.name} with = and one id`, comparison.operatorSpan)
    }
    if (ids.has(field.name)) throw filterError(`${field.name} is there twice`, field)
    ids.set(field.name, value.text)
  }
  const terms = conjuncts(compileFilter(text, FIELDS))
  const idOf = (name: string): string | undefined => {
    const test = terms.find((term): term is FilterTest<TimelineEntry> => isTestOf(term, name))
    return test?.predicate.op === 'equal' ? String(test.predicate.value) : undefined
  }
  const type = terms.find(
    (term): term is FilterTest<TimelineEntry> =>
      isTestOf(term, 'type') && !(term as { negated: boolean }).negated,
  )
  return {
    machine: idOf('machine'),
    service: idOf('service'),
    type: type?.predicate.op === 'equal' ? Number(type.predicate.value) : undefined,
    rest: and(terms.filter((term) => !isTestOf(term, 'machine') && !isTestOf(term, 'service'))),
  }
}

const isTestOf = (term: Filter<TimelineEntry>, field: string): boolean =>
  term.type === 'test' && term.field.name === field

function comparisonsOf(expression: FilterExpression | undefined): FilterComparison[] {
  if (expression === undefined) return []
  switch (expression.type) {
    case 'comparison':
      return [expression]
    case 'and':
      return expression.terms.flatMap(comparisonsOf)
    case 'or':
      throw filterError('the timeline takes AND only, not OR', firstComparison(expression).field)
    case 'not':
      throw filterError('the timeline takes AND only, not NOT; use !=', firstComparison(expression).field)
  }
}

function firstComparison(expression: FilterExpression): FilterComparison {
  switch (expression.type) {
    case 'comparison':
      return expression
    case 'not':
      return firstComparison(expression.term)
    default:
      return firstComparison(expression.terms[0]!)
  }
}
