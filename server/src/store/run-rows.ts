import type { Run } from '../../../proto/gen/holdfast/v1/run.ts'
import { type Filter, relax } from '../domain/filter/filter.ts'
import { RUN_IDENTITY_FIELDS } from '../domain/filter/resource-fields.ts'
import type { SearchTerm } from '../domain/runs/search-terms.ts'
import { type FilterColumns, filterSql } from './filter-sql.ts'
import type { ReadPoint } from './read-point.ts'
import { type ResourceRow, rowColumns } from './resource-row.ts'
import { type Sql, sql, sqlMicros, sqlTime } from './sql.ts'

export interface RunQuery {
  filter: Filter<Run>
  /** The id of a machine that is among the targets. */
  machine: string | undefined
  /** All of these are in the log as it is now. */
  search: readonly SearchTerm[]
  at: ReadPoint
  /** The `next` of the page before. */
  after: string[] | undefined
  limit: number
}

const COLUMNS: FilterColumns = new Map([
  ['name', { type: 'text', column: sql`t.name`, collection: 'runs/' }],
  ['kind', { type: 'number', column: sql`t.kind` }],
  ['state', { type: 'number', column: sql`t.state` }],
  ['service', { type: 'text', column: sql`t.service` }],
  ['version', { type: 'text', column: sql`t.version` }],
  ['environment', { type: 'text', column: sql`t.environment` }],
  ['author', { type: 'text', column: sql`t.author` }],
  ['title', { type: 'text', column: sql`t.title` }],
  ['parent', { type: 'text', column: sql`t.parent` }],
  ['start_time', { type: 'time', column: sql`t.started_at`, nullable: false }],
  ['end_time', { type: 'time', column: sql`t.ended_at`, nullable: true }],
  ['labels', { type: 'labels', column: sql`t.labels` }],
])

/** A run as a page reads it. */
export interface RunRow extends ResourceRow {
  id: bigint
  started_at: bigint
  [column: string]: unknown
}

/** The columns of a RunRow, of runs `t`. */
export const runColumns = (at: ReadPoint): Sql =>
  sql`${rowColumns(at, 'run')}, t.id, ${sqlMicros(sql`t.started_at`)} as started_at`

/** Where a page goes on after a run. */
export const placeOf = ({ started_at, id }: Pick<RunRow, 'started_at' | 'id'>): string[] => [
  String(started_at),
  String(id),
]

/** Where runs `t` that a query asks for come from, newest first, after a place. */
export function runsAfter(
  { filter, machine, at }: RunQuery,
  position: string[] | undefined,
): { source: Sql; order: Sql; condition: Sql } {
  const now = filterSql(filter, COLUMNS)
  const ever = filterSql(relax(filter, RUN_IDENTITY_FIELDS), COLUMNS)
  // Those that never change are said outright, so that an index serves them.
  const passes = sql`${ever} and case when t.revision <= ${at.revision} then ${now} else true end`
  // The targets of a machine are in the order of their runs, so a page of them is found without sorting all.
  const [source, time, id] =
    machine === undefined
      ? [sql`run t`, sql`t.started_at`, sql`t.id`]
      : [sql`run_target x join run t on t.id = x.run_id`, sql`x.started_at`, sql`x.run_id`]
  const ofMachine = machine === undefined ? sql`true` : sql`x.machine = ${machine}::text`
  const before =
    position === undefined
      ? sql`true`
      : sql`(${time}, ${id}) < (${sqlTime(BigInt(position[0]!))}, ${position[1]!}::int8)`
  return {
    source,
    order: sql`${time} desc, ${id} desc`,
    condition: sql`${ofMachine} and ${before} and t.create_revision <= ${at.revision} and ${passes}`,
  }
}
