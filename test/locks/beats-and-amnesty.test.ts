import { randomUUID } from 'node:crypto'
import pino from 'pino'
import { expect, test } from 'vitest'
import { beatLeases, readLeaseClock } from '../../server/src/store/leases.ts'
import { openStore } from '../../server/src/store/store.ts'
import { testDatabase } from '../harness/database.ts'
import { until } from '../harness/wait.ts'
import { sql } from '../watch/history.ts'

const SECRET = Buffer.from('secret')
const TTL_MS = 60_000

/** Leases with a database of their own. */
async function leases(count: number) {
  const database = await testDatabase()
  const store = await openStore({ url: database.url, log: pino({ level: 'silent' }) })
  const ids = Array.from({ length: count }, () => randomUUID()).sort()
  // The last ones first: as they lie is not the order of their ids.
  await sql(
    database.url,
    `insert into lease (id, secret_hash, ttl_ms, expires_at, created_at, owner, principal)
     select id, $2, ${TTL_MS}, now() + interval '1 minute', now(), 'a test', 'ann' from unnest($1::uuid[]) id order by id desc`,
    [ids, SECRET],
  )
  return {
    ...{ store, ids, url: database.url },
    beat: () =>
      beatLeases(
        store,
        ids.map((id) => ({ id, secretHash: SECRET })),
      ),
    async [Symbol.asyncDispose]() {
      await store.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

test('L11 after an outage heartbeats and the TTLs given anew come at once, and neither fails', async () => {
  await using made = await leases(3000)
  for (let round = 0; round < 10; round++) {
    await sql(made.url, `update lease_clock set served_at = served_at - interval '10 seconds'`)
    const [alive, { due }] = await Promise.all([made.beat(), readLeaseClock(made.store)])
    expect(alive.size).toBe(3000)
    expect(due).toEqual([])
  }
})

test('what is due is told with when the next is, a bounded number at a time', async () => {
  await using made = await leases(1501)
  const { url, ids, store } = made
  // A test that was stopped for a while would look like an outage, after which nothing is due.
  const served = 'with served as (update lease_clock set served_at = clock_timestamp())'
  await sql(url, `${served} update lease set expires_at = now() - interval '1 second' where id <> $1`, [
    ids[0],
  ])
  const many = await readLeaseClock(store)
  expect(many.due).toHaveLength(1000)
  expect(many.nextAt).toBe(many.now)
  await sql(url, `${served} update lease set ended_at = now() where id <> all($1::uuid[])`, [ids.slice(0, 3)])
  const few = await readLeaseClock(store)
  expect(few.due.toSorted()).toEqual(ids.slice(1, 3))
  expect(few.nextAt).toBeGreaterThan(few.now)
})

test('a heartbeat changes no index', async () => {
  await using made = await leases(500)
  await made.beat()
  // On the connection of the beats: by itself it would tell of them in ten seconds.
  await made.store.prompt.query({ text: 'select pg_stat_force_next_flush()' })
  const { all, hot } = await until('the beats to be counted', async () => {
    const { rows } = await sql<{ all: string; hot: string }>(
      made.url,
      `select n_tup_upd as all, n_tup_hot_upd as hot from pg_stat_user_tables where relname = 'lease'`,
    )
    return Number(rows[0]!.all) >= 500 && rows[0]!
  })
  expect(hot).toBe(all)
})
