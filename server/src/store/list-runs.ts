import type { Run } from '../../../proto/gen/holdfast/v1/run.ts'
import { type Filter, relax } from '../domain/filter/filter.ts'
import { matcher } from '../domain/filter/matches.ts'
import { RUN_IDENTITY_FIELDS } from '../domain/filter/resource-fields.ts'
import type { SearchWord } from '../domain/runs/log-words.ts'
import { type FilterColumns, filterSql } from './filter-sql.ts'
import type { Page } from './page.ts'
import type { ReadPoint } from './read-point.ts'
import { type ResourceRow, resourceOf, rowColumns } from './resource-row.ts'
import { joinSql, type Sql, sql, sqlMicros, sqlTime } from './sql.ts'
import type { Store } from './store.ts'

/** The parts of a key: when the run began, its row. */
export const RUN_KEY_LENGTH = 2

export interface RunQuery {
  filter: Filter<Run>
  /** The id of a machine that is among the targets. */
  machine: string | undefined
  /** All of these words are in the log as it is now. */
  search: readonly SearchWord[]
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

interface RunRow extends ResourceRow {
  id: bigint
  started_at: bigint
}

/**
 * A page of runs as of one revision, the one that began last first. Runs that have not changed since are
 * filtered by their columns, the others by what they were.
 */
export async function listRuns(store: Store, query: RunQuery): Promise<Page<Run>> {
  const { filter, at, limit } = query
  if (filter.type === 'constant' && !filter.value) return { resources: [], next: undefined }
  const matches = matcher(filter)
  const resources: Run[] = []
  let position = query.after
  for (;;) {
    const want = limit + 1 - resources.length
    const rows = await store.query<RunRow & { [column: string]: unknown }>(
      pageOf(query, position, want).toQuery(),
    )
    for (const row of rows) {
      const run = resourceOf('run', row, at)
      if (row.current || matches(run)) {
        if (resources.length === limit) return { resources, next: position }
        resources.push(run)
      }
      position = [String(row.started_at), String(row.id)]
    }
    if (rows.length < want) return { resources, next: undefined }
  }
}

function pageOf(
  { filter, machine, search, at }: RunQuery,
  position: string[] | undefined,
  want: number,
): Sql {
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
  return sql`select ${rowColumns(at, 'run')}, t.id, ${sqlMicros(sql`t.started_at`)} as started_at
    from ${source} where ${ofMachine} and ${inLog(search)} and ${before} and t.create_revision <= ${at.revision} and ${passes}
    order by ${time} desc, ${id} desc limit ${want}`
}

/** Each word may be in another chunk. Whether the newest runs are asked or the index, PostgreSQL decides. */
function inLog(search: readonly SearchWord[]): Sql {
  if (search.length === 0) return sql`true`
  const terms = search.map(({ word, prefix }) => {
    const query = `'${word}'${prefix ? ':*' : ''}`
    return sql`t.id in (select c.run_id from run_log_chunk c where c.words @@ ${query}::tsquery)`
  })
  return joinSql(terms, ' and ')
}
