import type { Run } from '../../../proto/gen/holdfast/v1/run.ts'
import { matcher } from '../domain/filter/matches.ts'
import type { Page } from './page.ts'
import { resourceOf } from './resource-row.ts'
import { nextRuns, placeOf, type RunQuery, type RunRow, runColumns } from './run-rows.ts'
import { searchRuns } from './search-runs.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'

/** The parts of a key: when the run began, its row. */
export const RUN_KEY_LENGTH = 2

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
  for await (const row of query.search.length > 0 ? searchRuns(store, query) : newestRuns(store, query)) {
    const run = resourceOf('run', row, at)
    if (row.current || matches(run)) {
      if (resources.length === limit) return { resources, next: position }
      resources.push(run)
    }
    position = placeOf(row)
  }
  return { resources, next: undefined }
}

/** All runs from a page's beginning on, which may not match as they were. */
async function* newestRuns(store: Store, query: RunQuery): AsyncGenerator<RunRow> {
  const want = query.limit + 1
  let position = query.after
  for (;;) {
    const rows = await store.query<RunRow>(
      sql`select ${runColumns(query.at)} from ${nextRuns(query, position, want)} t
        order by t.started_at desc, t.id desc`.toQuery(),
    )
    yield* rows
    if (rows.length < want) return
    position = placeOf(rows.at(-1)!)
  }
}
