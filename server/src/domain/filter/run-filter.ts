import type { Run } from '../../../../proto/gen/holdfast/v1/run.ts'
import { compileFilter } from './bind-filter.ts'
import { type Field, filterFields } from './field.ts'
import { and, conjuncts, type Filter } from './filter.ts'
import { filterError } from './filter-error.ts'
import { machineId, RUN_FIELDS } from './resource-fields.ts'

/** A filter of runs. */
export interface RunFilter {
  /** The id of a machine that is among the targets. */
  machine: string | undefined
  /** What else is asked. */
  rest: Filter<Run>
}

/** Targets stand beside the run, so the field is taken out of the filter and never read from a run. */
const MACHINE: Field<Run> = {
  name: 'machine',
  type: 'id',
  collection: 'machines/',
  get: (run) => machineId(run.machines[0] ?? ''),
}

const FIELDS = filterFields<Run>(...RUN_FIELDS.values(), MACHINE)

/** Reads a filter of runs: `machine` with `=` and one id, joined by AND to what else there is. Throws FILTER_INVALID. */
export function compileRunFilter(text: string): RunFilter {
  const terms = conjuncts(compileFilter(text, FIELDS))
  const ofMachine = terms.filter((term) => term.type === 'test' && term.field === MACHINE)
  const rest = terms.filter((term) => !ofMachine.includes(term))
  const [first] = ofMachine
  const plain = first?.type === 'test' && first.predicate.op === 'equal' && !first.negated
  if (ofMachine.length > 1 || rest.some(asksMachine) || (first !== undefined && !plain)) {
    throw filterError('runs take machine once, with = and one id, joined by AND', {
      position: 1,
      token: text,
    })
  }
  const machine =
    first?.type === 'test' && first.predicate.op === 'equal' ? String(first.predicate.value) : undefined
  return { machine, rest: and(rest) }
}

function asksMachine(filter: Filter<Run>): boolean {
  switch (filter.type) {
    case 'constant':
      return false
    case 'test':
      return filter.field === MACHINE
    case 'not':
      return asksMachine(filter.term)
    default:
      return filter.terms.some(asksMachine)
  }
}
