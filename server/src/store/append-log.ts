import type pg from 'pg'
import type { Run_State } from '../../../proto/gen/holdfast/v1/run.ts'
import { byteaArray, int4Array, int8Array } from './binary-array.ts'
import type { Store } from './store.ts'
import { inTransaction } from './transaction.ts'

/** Of a log that grows past `HEAD + TAIL` so much of its beginning and of its end is kept. */
export const KEPT_LOG_BYTES = { head: 48 << 20, tail: 16 << 20 } as const

/** A run as its log sees it. */
export interface LogState {
  id: bigint
  name: string
  state: Run_State
  /** How many bytes its log has. */
  size: bigint
}

/** Some entries of a log, compressed. */
export interface LogChunk {
  runId: bigint
  firstByte: bigint
  bytes: number
  body: Buffer
}

/** Logs as they stand, locked; `busy` names the runs that the ledger is changing right now. */
export interface LockedLogs {
  logs: ReadonlyMap<string, LogState>
  busy: ReadonlySet<string>
}

/**
 * Appends to logs in one transaction: locks them, has `decide` say what is appended, and writes that set-wise.
 * Rows are locked in the order of their ids, so that logs wait for logs only. The run's row is shared until the
 * commit, so that nothing is appended once the run, or the lock that it is under, has ended (L5); where the ledger is
 * at the row, this does not wait for it, which keeps the two from waiting for each other.
 */
export async function appendLogs(
  store: Store,
  names: readonly string[],
  decide: (locked: LockedLogs) => LogChunk[],
): Promise<void> {
  await inTransaction(store.pool, async (client) => {
    await client.query({
      name: 'begin-logs',
      text: `insert into run_log (run_id, size) select r.id, 0 from run r where r.name = any($1::text[])
        and not exists (select 1 from run_log l where l.run_id = r.id) order by r.id on conflict do nothing`,
      values: [names],
    })
    const { rows } = await client.query<LogState & { [column: string]: unknown }>({
      name: 'lock-logs',
      text: `select r.id, r.name, r.state, l.size from run r join run_log l on l.run_id = r.id
        where r.name = any($1::text[]) order by r.id for share of r skip locked for update of l`,
      values: [names],
    })
    const logs = new Map(rows.map((row) => [row.name, row]))
    const chunks = decide({ logs, busy: await busyRuns(client, { names, logs }) })
    if (chunks.length > 0) {
      await client.query({
        name: 'save-chunks',
        text: `with added as (
            insert into run_log_chunk (run_id, first_byte, bytes, body)
            select c.run_id, c.first_byte, c.bytes, c.body
            from unnest($1::int8[], $2::int8[], $3::int4[], $4::bytea[]) as c(run_id, first_byte, bytes, body)
            returning run_id, first_byte, bytes
          ), unindexed as (
            insert into run_log_unindexed (run_id, first_byte, bytes)
            select run_id, first_byte, bytes from added order by run_id, first_byte)
          update run_log l set size = a.size
          from (select run_id, max(first_byte + bytes) as size from added group by run_id) a where l.run_id = a.run_id`,
        values: [
          int8Array(chunks.map(({ runId }) => runId)),
          int8Array(chunks.map(({ firstByte }) => firstByte)),
          int4Array(chunks.map(({ bytes }) => bytes)),
          byteaArray(chunks.map(({ body }) => body)),
        ],
      })
      const { head, tail } = KEPT_LOG_BYTES
      const long = chunks.filter(({ firstByte }) => firstByte > head + tail)
      if (long.length > 0) {
        await client.query({
          name: 'trim-logs',
          text: `with texts as (
              delete from run_log_text t using run_log l
              where l.run_id = any($1::int8[]) and t.run_id = l.run_id
                and t.first_byte >= $2 and t.first_byte + t.bytes <= l.size - $3)
            delete from run_log_chunk c using run_log l
            where l.run_id = any($1::int8[]) and c.run_id = l.run_id
              and c.first_byte >= $2 and c.first_byte + c.bytes <= l.size - $3`,
          values: [int8Array(long.map(({ runId }) => runId)), head, tail],
        })
      }
    }
  })
}

/** Those of the runs without a log here that are there all the same. */
async function busyRuns(
  client: pg.ClientBase,
  { names, logs }: { names: readonly string[]; logs: ReadonlyMap<string, LogState> },
): Promise<ReadonlySet<string>> {
  const missing = names.filter((name) => !logs.has(name))
  if (missing.length === 0) return new Set()
  const { rows } = await client.query<{ name: string }>({
    name: 'runs-named',
    text: 'select name from run where name = any($1::text[])',
    values: [missing],
  })
  return new Set(rows.map(({ name }) => name))
}
