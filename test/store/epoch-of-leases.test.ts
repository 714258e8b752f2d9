import { randomUUID } from 'node:crypto'
import pg from 'pg'
import pino from 'pino'
import { expect, test } from 'vitest'
import { openLease } from '../../server/src/store/leases.ts'
import { openStore } from '../../server/src/store/store.ts'
import { testDatabase } from '../harness/database.ts'
import { until } from '../harness/wait.ts'

test('L2 W11 a lease that is opened as an epoch begins is of that epoch, and one that was opened before is over', async () => {
  await using database = await testDatabase()
  const store = await openStore({ url: database.url, log: pino({ level: 'silent' }) })
  const beginner = new pg.Client({ connectionString: database.url })
  await beginner.connect()
  try {
    const open = (id: string) =>
      openLease(store, {
        id,
        secretHash: Buffer.from('hash'),
        ttlMs: 60_000,
        owner: 'a test',
        principal: 'ann',
      })
    const before = randomUUID()
    expect(await open(before)).toMatchObject({ epoch: 1n, isNew: true })
    await beginner.query('begin')
    await beginner.query('select begin_epoch()')
    let opened = false
    const opening = open(randomUUID()).finally(() => {
      opened = true
    })
    await until('it to wait, or not', async () => {
      const { rows } = await beginner.query(
        'select from pg_locks where not granted and relation = $1::regclass',
        ['lease'],
      )
      return opened || rows.length > 0
    })
    await beginner.query('commit')
    expect(await opening).toMatchObject({ epoch: 2n, isNew: true })
    expect(await open(before)).toBeUndefined()
  } finally {
    await beginner.end()
    await store.close()
  }
})
