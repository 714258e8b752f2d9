import { Holdfast } from '@holdfast/sdk'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { type TestDatabase, testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer, type TestServer, testServer } from '../harness/server.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until } from '../harness/wait.ts'
import { sql } from '../watch/history.ts'
import { LockClient } from './lock-client.ts'

failOnLeaks()

const TTL_MS = 10_000

afterEach(() => void vi.useRealTimers())

/** A database whose clock can be set: `clock_timestamp()` of a schema of its own is found before that of PostgreSQL. */
async function databaseWithClock(): Promise<TestDatabase & { step(by: string): Promise<void> }> {
  const database = await testDatabase()
  const name = new URL(database.url).pathname.slice(1)
  await sql(
    database.url,
    `create schema stepped;
     create table stepped.step (by interval not null);
     insert into stepped.step values ('0');
     create function stepped.clock_timestamp() returns timestamptz language sql volatile
       as 'select pg_catalog.clock_timestamp() + by from stepped.step';
     alter database ${name} set search_path = stepped, public, pg_catalog`,
  )
  return {
    ...database,
    step: (by) => sql(database.url, 'update stepped.step set by = by + $1::interval', [by]).then(() => {}),
  }
}

/** Waits until a server has looked twice at which leases are due. */
async function swept({ url }: TestServer): Promise<void> {
  const looked = async () =>
    (await sql<{ at: string }>(url, 'select xmin::text as at from lease_clock')).rows[0]!.at
  for (let turn = 0; turn < 2; turn++) {
    const before = await looked()
    await until('a sweep', async () => (await looked()) !== before)
  }
}

async function sdk(server: { address: string }): Promise<Holdfast> {
  const holdfast = await Holdfast.connect({ address: server.address })
  onTestFinished(() => holdfast.close())
  return holdfast
}

for (const by of ['1 hour', '2 seconds', '-1 hour', '-2 seconds']) {
  test(`L4 L11 a step of the database's clock by ${by} ends no lease that is beaten, and locks go on`, async () => {
    await using database = await databaseWithClock()
    await using server = await testServer({ databaseUrl: database.url })
    const [holder, other] = [await sdk(server), await sdk(server)]
    const lock = await holder.acquireLock('production/airship', { ttlMs: 10_000 })
    await database.step(by)
    await swept(server)
    expect(await other.tryAcquireLock('production/airship')).toBeUndefined()
    expect((await other.verifyFence(lock.fence)).name).toBe(lock.name)
    await using another = await holder.acquireLock('production/mast', { ttlMs: 10_000 })
    expect(another.fencingToken).toBeGreaterThan(lock.fencingToken)
    const waiting = other.acquireLock('production/airship', { ttlMs: 10_000, waitMs: 20_000 })
    await lock.release()
    await using next = await waiting
    expect(next.fencingToken).toBeGreaterThan(another.fencingToken)
    expect(lock.signal.aborted).toBe(false)
  })
}

test('L3 after a step of the clock forward a lost client keeps what it holds for its whole TTL', async () => {
  await using database = await databaseWithClock()
  await using server = await testServer({ databaseUrl: database.url })
  using lost = await LockClient.open(server.locks)
  using next = await LockClient.open(server.locks, { ttlMs: 60_000 })
  await lost.acquire('production/airship')
  const waiting = next.acquire('production/airship', { waitMs: 60_000 })
  await lost.attach(2000)
  const steppedAt = performance.now()
  await database.step('10 seconds')
  await waiting
  expect(performance.now() - steppedAt).toBeGreaterThan(2000)
})

test('L7 after a step of the clock back a lost client does not keep what it holds for that long', async () => {
  await using database = await databaseWithClock()
  await using server = await testServer({ databaseUrl: database.url })
  using lost = await LockClient.open(server.locks)
  const next = await sdk(server)
  await lost.acquire('production/airship')
  await lost.attach(1500)
  await database.step('-1 hour')
  await using granted = await next.acquireLock('production/airship', { ttlMs: 10_000, waitMs: 25_000 })
  expect(granted.state).toBe('held')
})

test("L4 L11 steps of the client's own clock neither lose a lock nor keep one", async () => {
  await using database = await testDatabase()
  await using server = await spawnServer({ databaseUrl: database.url })
  await using proxy = await tcpProxy(server.address)
  const holdfast = await sdk(proxy)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() })
  const lock = await holdfast.acquireLock('production/airship', { ttlMs: TTL_MS })
  for (const by of [3_600_000, -7_200_000]) {
    vi.setSystemTime(Date.now() + by)
    expect(lock.state).not.toBe('lost')
    const stepped = lock.remainingMs
    expect(stepped).toBeLessThanOrEqual(TTL_MS)
    await until('a beat', () => lock.state === 'lost' || lock.remainingMs > stepped)
    expect(lock.state).not.toBe('lost')
  }
  proxy.drop()
  vi.setSystemTime(Date.now() - 3_600_000)
  await until('the loss', () => lock.signal.aborted)
  expect(lock.signal.reason).toMatchObject({ lossCause: 'expired' })
})
