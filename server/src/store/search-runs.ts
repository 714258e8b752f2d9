import type pg from 'pg'
import type { SearchTerm } from '../domain/runs/search-terms.ts'
import { isAskedFor, nextRuns, placeOf, type RunQuery, type RunRow, runColumns } from './run-rows.ts'
import { joinSql, type Sql, sql } from './sql.ts'
import type { Store } from './store.ts'
import { inTransaction } from './transaction.ts'

/**
 * So many of the newest runs are looked through one by one before an index is asked. What is in one log of twenty fills
 * a page of 50 on the way, and would be slow to gather from the index, which gives all there are; of what is rarer it
 * gives few.
 */
const LOOKED_THROUGH = [100, 900]

interface LookedAt extends RunRow {
  /** By term, whether it is in the log. */
  found: boolean[]
}

/** The runs in whose logs all terms are, newest first; each may be in another piece. */
export async function* searchRuns(store: Store, query: RunQuery): AsyncGenerator<RunRow> {
  const counts = query.search.map(() => 0)
  let position = query.after
  for (const many of LOOKED_THROUGH) {
    const rows = await store.query<LookedAt>(newest(query, position, many).toQuery())
    for (const row of rows) {
      for (const [term, found] of row.found.entries()) if (found) counts[term]!++
      if (row.found.every(Boolean)) yield row
    }
    if (rows.length < many) return
    position = placeOf(rows.at(-1)!)
  }
  // The term that was seen least is asked of the index, the others of what that gives.
  const rarest = query.search[counts.indexOf(Math.min(...counts))]!
  const want = query.limit + 1
  for (;;) {
    const rows = await byIndex(store, indexed(query, { rarest, position, want }))
    yield* rows
    if (rows.length < want) return
    position = placeOf(rows.at(-1)!)
  }
}

/** The next runs, each with what was found in its log. */
function newest(query: RunQuery, position: string[] | undefined, many: number): Sql {
  const found = query.search.map((term) => sql`coalesce(bool_or(${isIn(term)}), false)`)
  return sql`with newest as materialized (
      select t.* from ${nextRuns(query, position, many)} t
    ), looked as materialized (
      select t.id, (select array[${joinSql(found, ', ')}] from run_log_text p where p.run_id = t.id) as found
      from newest t
    )
    select f.found, ${runColumns(query.at)} from looked f
      join newest t on t.id = f.id order by t.started_at desc, t.id desc`
}

/** Of the runs in whose logs one term is those that have the others, too. */
function indexed(
  query: RunQuery,
  { rarest, position, want }: { rarest: SearchTerm; position: string[] | undefined; want: number },
): Sql {
  // As values and not as joins, which might read the text of all logs.
  const others = query.search
    .filter((term) => term !== rarest)
    .map((term) => sql`(select bool_or(${isIn(term)}) from run_log_text p where p.run_id = t.id)`)
  return sql`with hits as materialized (select distinct p.run_id from run_log_text p where ${isFound(rarest)})
    select ${runColumns(query.at)} from run t join hits h on h.run_id = t.id
    where ${joinSql([isAskedFor(query, position), ...others], ' and ')}
    order by t.started_at desc, t.id desc limit ${want}`
}

/** Whether a term is in a piece, found by reading it. */
const isIn = (term: SearchTerm): Sql =>
  term.type === 'part' ? sql`strpos(p.tokens, ${term.text}::text) > 0` : isFound(term)

/** Whether a term is in a piece, found by an index. */
const isFound = (term: SearchTerm): Sql =>
  term.type === 'part'
    ? sql`p.tokens like ${`%${term.text.replace(/[\\%_]/g, '\\$&')}%`}::text`
    : sql`p.words @@ ${`'${term.word}'${term.prefix ? ':*' : ''}`}::tsquery`

/** PostgreSQL takes reading the text of all logs for cheap, since it does not count what it takes to unpack it. */
async function byIndex(store: Store, statement: Sql): Promise<RunRow[]> {
  const work = async (client: pg.ClientBase) => (await client.query<RunRow>(statement.toQuery())).rows
  return await inTransaction(store.pool, work, 'begin; set local enable_seqscan = off')
}
