import { Run_Kind, Run_State } from '../../../proto/gen/holdfast/v1/run.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'

/** So many are ended at once. */
const BATCH = 500

/** Converges that go on and were first told of longer ago than this. Those under a lock end with it, and are left out. */
export async function overdueConverges(store: Store, hours: number): Promise<string[]> {
  const rows = await store.query<{ name: string }>(
    sql`select name from run
      where state = ${Run_State.RUNNING}::int2 and kind = ${Run_Kind.CONVERGE}::int2
        and created_at < clock_timestamp() - ${hours}::float8 * interval '1 hour'
      order by started_at, id limit ${BATCH}`.toQuery('overdue-converges'),
  )
  return rows.map(({ name }) => name)
}
