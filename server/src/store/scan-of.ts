import { type MachineRef, ProcessScan } from '../../../proto/gen/holdfast/v1/machine.ts'
import { isStrong } from '../domain/alias.ts'
import { machineName } from '../domain/resource-name.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'

/** The last process scan of the machine that a reference means: by its strongest alias that is known, else by its id. */
export async function scanOf(store: Store, { id, aliases }: MachineRef): Promise<ProcessScan | undefined> {
  const strong = aliases.filter(isStrong)
  const rows = await store.query<{ body: Buffer }>(
    sql`select s.body from process_scan s where s.machine_id = (
      select c.machine_id from (
        select a.machine_id, k.kind from unnest(${strong.map(({ kind }) => String(kind))}::int2[],
          ${strong.map(({ value }) => value)}::text[]) k(kind, value)
          join machine_alias a on a.kind = k.kind and a.value = k.value
        union all select m.id, 1000 from machine m where m.name = ${machineName(id)}::text
      ) c(machine_id, kind) order by c.kind limit 1)`.toQuery('scan-of'),
  )
  return rows[0] === undefined ? undefined : ProcessScan.decode(rows[0].body)
}
