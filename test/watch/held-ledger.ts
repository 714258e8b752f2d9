import pg from 'pg'
import { until } from '../harness/wait.ts'
import { sql } from './history.ts'

/** Runs `statement` in a transaction that stays open, with the locks it took, until it is disposed of. */
export async function holding(url: string, statement: string): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`begin; ${statement}`)
  return { [Symbol.asyncDispose]: () => client.end() }
}

/** The ledger's row, without which nobody can write. */
export const holdingLedger = (url: string): Promise<AsyncDisposable> =>
  holding(url, 'select 1 from ledger for update')

/** Waits until so many servers' writers wait for a lock; gives their backends. */
export const waitingWriters = (url: string, count: number): Promise<number[]> =>
  until(`${count} writers to wait for a lock`, async () => {
    const { rows } = await sql<{ pid: number }>(
      url,
      `select pid from pg_stat_activity
       where datname = current_database() and application_name = 'holdfast-writer' and wait_event_type = 'Lock'`,
    )
    return rows.length >= count && rows.map(({ pid }) => pid)
  })

export const waitingWriter = async (url: string): Promise<number> => (await waitingWriters(url, 1))[0]!
