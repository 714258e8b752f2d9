import { idOf, machineName } from '../domain/resource-name.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'

/** The machines on which something is present that a rule found, by their names. */
export async function machinesFoundBy(store: Store, rule: string): Promise<Set<string>> {
  const rows = await store.query<{ machine: string }>(
    sql`select distinct machine from finding where rule = ${idOf(rule)}::text and present = 1`.toQuery(
      'machines-found-by',
    ),
  )
  return new Set(rows.map(({ machine }) => machineName(machine)))
}
