import { zstdDecompressSync } from 'node:zlib'
import { StoredLogChunk } from '../../../proto/gen/holdfast/internal/v1/run_log.ts'
import { type LogEntry, Run_State } from '../../../proto/gen/holdfast/v1/run.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'

/** How a log stands now. */
export interface LogHead {
  runId: bigint
  size: bigint
  state: Run_State
  /** Whether its run goes on, so that more may come. */
  open: boolean
}

/** Chunks read at once; one is at most 1 MiB when it is unpacked. */
const PAGE_CHUNKS = 8

/** How the log of a run stands; undefined when there is no such run. */
export async function readLogHead(store: Store, name: string): Promise<LogHead | undefined> {
  const [row] = await store.query<{ id: bigint; state: Run_State; size: bigint | null }>(
    sql`select r.id, r.state, l.size from run r left join run_log l on l.run_id = r.id
      where r.name = ${name}::text`.toQuery('log-head'),
  )
  if (row === undefined) return undefined
  const { id: runId, state, size } = row
  return { runId, size: size ?? 0n, state, open: state === Run_State.RUNNING }
}

/** The next entries after so many bytes of a log, with what was not kept told; none at its end. */
export async function readLogEntries(store: Store, runId: bigint, offset: bigint): Promise<LogEntry[]> {
  const rows = await store.query<{ first_byte: bigint; body: Buffer }>(
    sql`select first_byte, body from run_log_chunk
      where run_id = ${runId} and first_byte >= coalesce((
        select max(first_byte) from run_log_chunk where run_id = ${runId} and first_byte <= ${offset}), 0)
        and first_byte + bytes > ${offset}
      order by first_byte limit ${PAGE_CHUNKS}`.toQuery('log-entries'),
  )
  const entries: LogEntry[] = []
  let reached = offset
  for (const { first_byte, body } of rows) {
    let at = first_byte
    for (const entry of StoredLogChunk.decode(zstdDecompressSync(body)).entries) {
      const end = at + BigInt(entry.data.length)
      if (end > reached) {
        const data = at < reached ? entry.data.subarray(Number(reached - at)) : entry.data
        const omittedBytes = at > reached ? at - reached : 0n
        entries.push({ ...entry, data, offset: at > reached ? at : reached, omittedBytes })
        reached = end
      }
      at = end
    }
  }
  return entries
}
