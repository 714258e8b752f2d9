import { afterAll, beforeAll, expect, test } from 'vitest'
import { Blocker_Kind } from '../../proto/gen/holdfast/v1/lock.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { sql } from '../watch/history.ts'
import { lockCallsOf } from './calls.ts'
import { LockClient } from './lock-client.ts'

let server: TestServer

beforeAll(async () => {
  server = await testServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const delay = (seconds: bigint) => ({ lockDelay: { seconds, nanos: 0 } })

/** More changes of locks than a session that is opened looks back on. */
async function manyChanges(client: LockClient): Promise<void> {
  for (let round = 0; round < 26; round++) {
    const locks = await Promise.all(
      Array.from({ length: 100 }, (_, i) => client.acquire(`name:other-${round}-${i}`)),
    )
    await Promise.all(locks.map((lock) => client.release(lock)))
  }
}

const recorded = async (): Promise<string[]> =>
  (await sql<{ id: string }>(server.url, 'select lock_id as id from lock_delay')).rows.map(({ id }) => id)

test('L3 the delay after a lock whose holder was lost outlives a busy minute and the server', async () => {
  using client = await LockClient.open(server.locks, { ttlMs: 300_000 })
  const lock = await client.acquire('production/airship', delay(60n))
  await lockCallsOf(server).force(lock, 'stuck')
  await manyChanges(client)
  await using next = await testServer({ databaseUrl: server.url })
  using other = await LockClient.open(next.locks)
  await expect(other.acquire('production/airship')).rejects.toMatchObject({
    reason: 'LOCK_HELD',
    blockers: { blockers: [{ kind: Blocker_Kind.LOCK_DELAY, resource: lock.name }] },
  })
})

test('delays that are over go with the next one that is written down, and a release writes none', async () => {
  // Of the test before; it may be over meanwhile.
  const before = new Set(await recorded())
  const added = async () => (await recorded()).filter((id) => !before.has(id))
  using client = await LockClient.open(server.locks)
  const { force } = lockCallsOf(server)
  await client.release(await client.acquire('name:released', delay(60n)))
  expect(await added()).toEqual([])
  await force(await client.acquire('name:brief', { lockDelay: { seconds: 0n, nanos: 1000 } }), 'stuck')
  await force(await client.acquire('name:long', delay(60n)), 'stuck')
  expect(await added()).toHaveLength(1)
})
