import pino from 'pino'
import { expect, test } from 'vitest'
import { openStore } from '../../server/src/store/store.ts'
import { testDatabase } from '../harness/database.ts'
import { sql } from '../watch/history.ts'

test('a connection that is lost in the middle of a transaction, between two queries, does not end the server', async () => {
  await using database = await testDatabase()
  const store = await openStore({ url: database.url, log: pino({ level: 'silent' }) })
  try {
    const client = await store.pool.connect()
    const ended = new Promise<void>((resolve) => client.once('end', () => resolve()))
    await client.query('begin')
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    await sql(database.url, 'select pg_terminate_backend($1)', [rows[0]!.pid])
    await ended
    await expect(client.query('commit')).rejects.toThrow()
    client.release()
    expect((await store.pool.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  } finally {
    await store.close()
  }
})
