import type { Run } from '../../../proto/gen/holdfast/v1/run.ts'
import { type Filter, relax } from '../domain/filter/filter.ts'
import { RUN_IDENTITY_FIELDS } from '../domain/filter/resource-fields.ts'
import { ResourceKind } from '../domain/kind.ts'
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

/** How far behind the head a read may be to have the runs changed since found by their changes. */
const FEW_REVISIONS = 300

/**
 * The next runs that a query asks for, newest first, after a place; those that changed since its revision are still to
 * be matched as they were. Where few have, they are found apart, so that an index serves the filter for the others:
 * what few runs are, such as running, is found without looking at all.
 */
export function nextRuns(query: RunQuery, position: string[] | undefined, want: number): Sql {
  const { at, machine } = query
  // The targets of a machine are in the order of their runs, so a page of them is found without sorting all.
  const [source, time, id] =
    machine === undefined
      ? [sql`run t`, sql`t.started_at`, sql`t.id`]
      : [sql`run_target x join run t on t.id = x.run_id`, sql`x.started_at`, sql`x.run_id`]
  const ofMachine = machine === undefined ? sql`true` : sql`x.machine = ${machine}::text`
  const newest = (which: Sql): Sql =>
    sql`(select t.* from ${source} where ${ofMachine} and ${after(position, { time, id })} and ${which}
      order by ${time} desc, ${id} desc limit ${want})`
  const { current, changed } = matching(query)
  if (at.head - at.revision > FEW_REVISIONS) return newest(passes(query))
  const since = sql`t.id in (
    select c.resource_id from change c where c.kind = ${ResourceKind.run} and c.revision > ${at.revision})`
  return sql`(select * from (${newest(current)} union all ${newest(sql`${changed} and ${since}`)}) t
    order by t.started_at desc, t.id desc limit ${want})`
}

/** Whether a run `t` may be asked for, wherever it comes from. */
export function isAskedFor(query: RunQuery, position: string[] | undefined): Sql {
  const { machine } = query
  const ofMachine =
    machine === undefined
      ? sql`true`
      : sql`exists (select 1 from run_target x where x.run_id = t.id and x.machine = ${machine}::text)`
  return sql`${ofMachine} and ${after(position, { time: sql`t.started_at`, id: sql`t.id` })} and ${passes(query)}`
}

/** Of runs that have not changed since, those that pass; of the others, those that may. */
function matching({ filter, at }: RunQuery): { current: Sql; changed: Sql } {
  const ever = filterSql(relax(filter, RUN_IDENTITY_FIELDS), COLUMNS)
  return {
    current: sql`t.revision <= ${at.revision} and ${filterSql(filter, COLUMNS)}`,
    changed: sql`t.revision > ${at.revision} and t.create_revision <= ${at.revision} and ${ever}`,
  }
}

function passes(query: RunQuery): Sql {
  const { current, changed } = matching(query)
  // What never changes is said outright, so that an index serves it.
  const ever = filterSql(relax(query.filter, RUN_IDENTITY_FIELDS), COLUMNS)
  return sql`${ever} and ((${current}) or (${changed}))`
}

const after = (position: string[] | undefined, { time, id }: { time: Sql; id: Sql }): Sql =>
  position === undefined
    ? sql`true`
    : sql`(${time}, ${id}) < (${sqlTime(BigInt(position[0]!))}, ${position[1]!}::int8)`
