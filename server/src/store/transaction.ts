import type pg from 'pg'
import { storeError } from './store-error.ts'

/**
 * Does the work in one transaction, on a connection that is given up when anything fails. `begin` may set what is to hold
 * in it, in the same round trip.
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  begin = 'begin',
): Promise<T> {
  const client = await pool.connect().catch((error: unknown) => {
    throw storeError(error)
  })
  let broken: Error | undefined
  try {
    await client.query(begin)
    const result = await work(client)
    await client.query('commit')
    return result
  } catch (error) {
    broken = error as Error
    await client.query('rollback').catch(() => {})
    throw storeError(error)
  } finally {
    client.release(broken)
  }
}
