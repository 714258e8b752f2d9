import { Freshness } from '../../../../proto/gen/holdfast/v1/machine.ts'
import type { Instance } from '../../../../proto/gen/holdfast/v1/service.ts'
import { type VersionCell, VersionCell_Drift } from '../../../../proto/gen/holdfast/v1/version.ts'
import { compileFilter } from './bind-filter.ts'
import { type Field, filterFields } from './field.ts'
import { and, conjuncts, type Filter } from './filter.ts'
import { filterError } from './filter-error.ts'
import { INSTANCE_FIELDS, MOMENTARY_FIELDS, sentValues } from './resource-fields.ts'

/** A filter of versions. */
export interface VersionFilter {
  /** What is asked of the cell, which is not known before it is made. */
  cell: Filter<VersionCell>
  /** What is asked of the instance. */
  instance: Filter<Instance>
}

const CELL_FIELDS = filterFields<VersionCell>(
  { name: 'drift', type: 'enum', values: sentValues(VersionCell_Drift), get: (cell) => cell.drift },
  { name: 'freshness', type: 'enum', values: sentValues(Freshness), get: (cell) => cell.freshness },
)

/** The fields of both; those of cells are taken out of the filter, and never read from an instance. */
const FIELDS = new Map<string, Field<Instance>>([
  ...INSTANCE_FIELDS,
  ...[...CELL_FIELDS].map(([name, field]): [string, Field<Instance>] => [
    name,
    { ...field, get: () => 0 } as Field<Instance>,
  ]),
])
const PAST_FIELDS = new Map([...FIELDS].filter(([name]) => !MOMENTARY_FIELDS.has(name)))

/**
 * Reads a filter of versions: what is asked of cells is joined by AND to what else there is. The past knows no
 * freshness. Throws FILTER_INVALID.
 */
export function compileVersionFilter(text: string, { past }: { past: boolean }): VersionFilter {
  const cell: Filter<VersionCell>[] = []
  const instance: Filter<Instance>[] = []
  for (const term of conjuncts(compileFilter(text, past ? PAST_FIELDS : FIELDS))) {
    const asksCell = new Set(fieldsOf(term).map((name) => CELL_FIELDS.has(name)))
    if (asksCell.size > 1) {
      throw filterError('versions take drift and freshness joined by AND to what else there is', {
        position: 1,
        token: text,
      })
    }
    if (asksCell.has(true)) cell.push(ofCell(term))
    else instance.push(term)
  }
  return { cell: and(cell), instance: and(instance) }
}

function fieldsOf(filter: Filter<Instance>): string[] {
  switch (filter.type) {
    case 'constant':
      return []
    case 'test':
      return [filter.field.name]
    case 'not':
      return fieldsOf(filter.term)
    default:
      return filter.terms.flatMap(fieldsOf)
  }
}

/** The same filter, of the fields of cells. */
function ofCell(filter: Filter<Instance>): Filter<VersionCell> {
  switch (filter.type) {
    case 'constant':
      return filter
    case 'test':
      return { ...filter, field: CELL_FIELDS.get(filter.field.name)! }
    case 'not':
      return { ...filter, term: ofCell(filter.term) }
    default:
      return { ...filter, terms: filter.terms.map(ofCell) }
  }
}
