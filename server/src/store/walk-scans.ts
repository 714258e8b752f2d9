import { ProcessScan } from '../../../proto/gen/holdfast/v1/machine.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'

/** A scan is some 50 kB, and may be 1 MiB. */
const PAGE_SCANS = 100

/** The last process scan of each machine in use, page by page: memory holds one page. */
export async function* walkScans(
  store: Store,
  { machine, limit }: { machine: string | undefined; limit: number },
): AsyncGenerator<{ machine: string; scan: ProcessScan }> {
  let after = 0n
  for (let count = 0; count < limit; ) {
    const rows = await store.query<{ id: bigint; name: string; body: Buffer }>(
      sql`select m.id, m.name, s.body from process_scan s join machine m on m.id = s.machine_id
        where s.machine_id > ${after} and m.lifecycle = 1
          and ${machine === undefined ? sql`true` : sql`m.name = ${machine}::text`}
        order by s.machine_id limit ${Math.min(PAGE_SCANS, limit - count)}`.toQuery(),
    )
    for (const { name, body } of rows) yield { machine: name, scan: ProcessScan.decode(body) }
    if (rows.length < PAGE_SCANS) return
    count += rows.length
    after = rows.at(-1)!.id
  }
}
