import { credentials } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { Lock_EndCause } from '../../proto/gen/holdfast/v1/lock.ts'
import { LockServiceClient } from '../../proto/gen/holdfast/v1/lock_service.ts'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { sql } from '../watch/history.ts'
import { lockCallsOf } from './calls.ts'
import { LockClient } from './lock-client.ts'

failOnLeaks()

const TTL_MS = 2000
const LONG_MS = 60_000

/** What is in the database after no server ran for that long. */
async function outage(url: string, length: string): Promise<void> {
  await sql(
    url,
    `update lease_clock set served_at = served_at - interval '${length}';
     update lease set expires_at = expires_at - interval '${length}', created_at = created_at - interval '${length}'`,
  )
}

/** A client whose stream goes to one server, and later to another. */
async function clientOf(address: string) {
  const connection = new LockServiceClient(address, credentials.createInsecure())
  const client = await LockClient.open(connection, { ttlMs: LONG_MS })
  return {
    client,
    moveTo(next: LockServiceClient): void {
      client.cut()
      connection.close()
      client.reopen(next)
    },
  }
}

for (const length of ['1 second', '1 hour']) {
  test(`L11 after an outage of ${length} a lease lives for its whole TTL anew, and what it holds passes to nobody before`, async () => {
    await using database = await testDatabase()
    const before = await testServer({ databaseUrl: database.url })
    const { client, moveTo } = await clientOf(before.address)
    const held = await client.acquire('production/airship')
    await before[Symbol.asyncDispose]()
    // Short from here on, where no server takes it for over: to begin and to end one is not within it.
    const short = `${TTL_MS} * interval '1 millisecond'`
    await sql(database.url, `update lease set ttl_ms = ${TTL_MS}, expires_at = clock_timestamp() + ${short}`)
    await outage(database.url, length)

    const back = performance.now()
    await using after = await testServer({ databaseUrl: database.url })
    using next = await LockClient.open(after.locks, { ttlMs: 60_000 })
    const granted = next.acquire('production/airship', { waitMs: 60_000 }).then((lock) => {
      return { lock, afterMs: performance.now() - back }
    })
    const { lock, afterMs } = await granted
    // It never came back. So the amnesty is over, and no sooner than that.
    expect(afterMs).toBeGreaterThan(TTL_MS)
    expect(lock.fencingToken).toBeGreaterThan(held.fencingToken)
    expect((await lockCallsOf(after).getLock(held.name)).endCause).toBe(Lock_EndCause.LEASE_EXPIRED)
    // And there is one for each outage only.
    moveTo(after.locks)
    expect(await client.beat()).toBe(false)
    client.cut()
  })
}

test('L11 who comes back within its TTL after an outage keeps what it held and where it waited', async () => {
  await using database = await testDatabase()
  const before = await testServer({ databaseUrl: database.url })
  const holder = await clientOf(before.address)
  const waiter = await clientOf(before.address)
  const held = await holder.client.acquire('production/airship')
  let place = ''
  const lost = waiter.client.acquire('production/airship', {
    ...{ waitMs: 600_000, requestId: 'deploy' },
    onQueued: ({ lock }) => {
      place = lock
    },
  })
  lost.catch(() => {})
  await until('a place in the queue', () => place !== '')
  await before[Symbol.asyncDispose]()
  await outage(database.url, '5 minutes')

  await using after = await testServer({ databaseUrl: database.url })
  holder.moveTo(after.locks)
  waiter.moveTo(after.locks)
  expect((await holder.client.attach(LONG_MS)).map(({ fencingToken }) => fencingToken)).toEqual([
    held.fencingToken,
  ])
  expect((await waiter.client.attach(LONG_MS)).map(({ name }) => name)).toEqual([place])
  expect((await lockCallsOf(after).verifyFence(held)).lock?.name).toBe(held.name)
  const granted = waiter.client.acquire('production/airship', { waitMs: 600_000, requestId: 'deploy' })
  await holder.client.release(held)
  expect((await granted).name).toBe(place)
  holder.client.cut()
  waiter.client.cut()
})
