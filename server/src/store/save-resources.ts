import { KIND_NAMES, type KindName } from '../domain/kind.ts'
import type { Row } from '../domain/rows.ts'
import type { WorkingSet } from '../domain/working-set.ts'
import type { Part } from './one-statement.ts'
import { COLUMNS, type Column } from './row-columns.ts'

type NamedColumn = [name: string, column: Column<KindName>]

/** A statement on rows of one kind, which come as an array for each of its columns. */
interface Saving {
  name: string
  text: string
  columns: readonly NamedColumn[]
}

/** Inserts the rows that a batch made, and updates those that it changed. */
export function saveResources(state: WorkingSet): Part[] {
  const isNew = ({ createRevision }: Row<KindName>): boolean => createRevision > state.from.head
  const dirty = Map.groupBy(state.dirty, (row) => row.kind)
  // In one order, so that there are few combinations of statements.
  return KIND_NAMES.flatMap((kind) => {
    const { true: made, false: changed } = Object.groupBy(dirty.get(kind) ?? [], (row) => `${isNew(row)}`)
    return [
      ...(made === undefined ? [] : [save(INSERTS[kind], made, state)]),
      ...(changed === undefined ? [] : [save(UPDATES[kind], changed, state)]),
    ]
  })
}

const save = ({ name, text, columns }: Saving, rows: readonly Row<KindName>[], state: WorkingSet): Part => ({
  name,
  text,
  values: columns.map(([, column]) => column.values(rows, state)),
})

function insertInto(kind: KindName): Saving {
  const columns = Object.entries(COLUMNS[kind]) as NamedColumn[]
  return {
    name: `insert-${kind}`,
    text: `insert into ${kind} (${columns.map(([name]) => name).join(', ')})
      select ${columns.map(selected).join(', ')} from ${given(columns)}`,
    columns,
  }
}

/** An update leaves out what never changes, and reads nothing else by it. */
function updateOf(kind: KindName): Saving {
  const columns = (Object.entries(COLUMNS[kind]) as NamedColumn[]).filter(
    ([name, { fixed }]) => name === 'id' || !fixed,
  )
  const set = columns.filter(([name]) => name !== 'id').map((column) => `${column[0]} = ${selected(column)}`)
  return {
    name: `update-${kind}`,
    text: `update ${kind} t set ${set.join(', ')} from ${given(columns)} where t.id = u.id`,
    columns,
  }
}

const selected = ([name, { type }]: NamedColumn): string =>
  type === 'jsonb' ? `u.${name}::jsonb` : `u.${name}`

const given = (columns: readonly NamedColumn[]): string => {
  const arrays = columns.map(([, { type }], i) => `$${i + 1}::${type === 'jsonb' ? 'text' : type}[]`)
  return `unnest(${arrays.join(', ')}) u(${columns.map(([name]) => name).join(', ')})`
}

const forEachKind = (make: (kind: KindName) => Saving): Record<KindName, Saving> =>
  Object.fromEntries(KIND_NAMES.map((kind) => [kind, make(kind)])) as Record<KindName, Saving>

const INSERTS = forEachKind(insertInto)
const UPDATES = forEachKind(updateOf)
