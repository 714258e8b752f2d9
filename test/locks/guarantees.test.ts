import { randomUUID } from 'node:crypto'
import type { ServiceError } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Lock_EndCause, Lock_Mode, Lock_State } from '../../proto/gen/holdfast/v1/lock.ts'
import type { LockGrant } from '../../proto/gen/holdfast/v1/lock_service.ts'
import { testDatabase } from '../harness/database.ts'
import { errorInfoOf } from '../harness/error-info.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { callsOf } from '../query/calls.ts'
import { sql } from '../watch/history.ts'
import { lockCallsOf } from './calls.ts'
import { LockClient, scope } from './lock-client.ts'

let server: TestServer

beforeAll(async () => {
  server = await testServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const fresh = (): string => `production/s${randomUUID().slice(0, 8)}`
const micros = ({ seconds, nanos }: { seconds: bigint; nanos: number }): bigint =>
  seconds * 1_000_000n + BigInt(Math.trunc(nanos / 1000))
const reasonOf = (error: unknown): string => errorInfoOf(error as ServiceError).reason

async function leaseExpiry(url: string, client: LockClient): Promise<bigint> {
  const { rows } = await sql<{ at: string }>(
    url,
    'select (extract(epoch from expires_at) * 1000000)::int8 as at from lease where id = $1',
    [client.leaseId],
  )
  return BigInt(rows[0]!.at)
}

test('L1 L6 many clients for one scope hold it one at a time, in the order in which they came', async () => {
  const clients = await Promise.all(Array.from({ length: 8 }, () => LockClient.open(server.locks)))
  const scope = fresh()
  const first = await clients[0]!.acquire(scope)
  const order: number[] = []
  let holders = 1
  const waiting: Promise<void>[] = []
  for (const [at, client] of clients.slice(1).entries()) {
    let queued = false
    const granted = client.acquire(scope, {
      waitMs: 20_000,
      onQueued: () => {
        queued = true
      },
    })
    waiting.push(
      granted.then(async (lock) => {
        expect(++holders).toBe(1)
        order.push(at)
        holders--
        await client.release(lock)
      }),
    )
    await until('a place in the queue', () => queued)
  }
  holders--
  await clients[0]!.release(first)
  await Promise.all(waiting)
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6])
  for (const client of clients) client[Symbol.dispose]()
})

test('L1 shared locks are held side by side, and none with an exclusive one', async () => {
  using client = await LockClient.open(server.locks)
  const scope = fresh()
  const shared = { mode: Lock_Mode.SHARED }
  const [one] = await Promise.all([client.acquire(scope, shared), client.acquire(`${scope}/web-0`, shared)])
  await expect(client.acquire(scope)).rejects.toMatchObject({ reason: 'LOCK_HELD' })
  await client.release(one!)
  await expect(client.acquire(scope)).rejects.toMatchObject({ reason: 'LOCK_HELD' })
})

test('L2 tokens rise from grant to grant, and through a restart of the server', async () => {
  await using database = await testDatabase()
  const scope = fresh()
  let last = 0n
  for (let start = 0; start < 2; start++) {
    await using restarted = await testServer({ databaseUrl: database.url })
    using client = await LockClient.open(restarted.locks)
    for (let n = 0; n < 5; n++) {
      const lock = await client.acquire(scope)
      expect(lock.fencingToken).toBeGreaterThan(last)
      last = lock.fencingToken
      await client.release(lock)
    }
  }
})

test('L3 nobody is granted what a lost client holds before its lease is over by the clock of the database', async () => {
  using lost = await LockClient.open(server.locks)
  using next = await LockClient.open(server.locks)
  const scope = fresh()
  await lost.acquire(scope)
  await lost.attach(1200)
  await lost.beat()
  const expiry = await leaseExpiry(server.url, lost)
  const { name } = await next.acquire(scope, { waitMs: 20_000 })
  expect(micros((await lockCallsOf(server).getLock(name)).grantTime!)).toBeGreaterThanOrEqual(expiry)
})

test('L3 and not before the lock delay after it', async () => {
  using lost = await LockClient.open(server.locks)
  using next = await LockClient.open(server.locks)
  const scope = fresh()
  await lost.acquire(scope, { lockDelay: { seconds: 1n, nanos: 0 } })
  await lost.attach(1000)
  const expiry = await leaseExpiry(server.url, lost)
  const { name } = await next.acquire(scope, { waitMs: 20_000 })
  expect(micros((await lockCallsOf(server).getLock(name)).grantTime!)).toBeGreaterThanOrEqual(
    expiry + 1_000_000n,
  )
})

test('L3 a release leaves no delay', async () => {
  using first = await LockClient.open(server.locks)
  using next = await LockClient.open(server.locks)
  const scope = fresh()
  const lock = await first.acquire(scope, { lockDelay: { seconds: 60n, nanos: 0 } })
  await first.release(lock)
  await next.acquire(scope)
})

test('L5 a token passes while its lock is held, and not after its end', async () => {
  using client = await LockClient.open(server.locks)
  const { verifyFence } = lockCallsOf(server)
  const lock = await client.acquire(fresh())
  expect((await verifyFence(lock)).lock?.name).toBe(lock.name)
  await expect(verifyFence({ ...lock, fencingToken: lock.fencingToken - 1n })).rejects.toSatisfy(
    (error) => reasonOf(error) === 'STALE_TOKEN',
  )
  await client.release(lock)
  await expect(verifyFence(lock)).rejects.toSatisfy((error) => reasonOf(error) === 'STALE_TOKEN')
})

test('L7 a request that is taken in the same batch as the release before it is granted and told', async () => {
  using one = await LockClient.open(server.locks)
  using two = await LockClient.open(server.locks)
  const scope = fresh()
  let held = await one.acquire(scope)
  for (let turn = 0; turn < 100; turn++) {
    const [from, to] = turn % 2 === 0 ? [one, two] : [two, one]
    const waiting = to.acquire(scope, { waitMs: 20_000 })
    await from.release(held)
    held = await waiting
  }
})

test('L8 a request sent again, also on another stream after a cut, is the same lock and the same grant', async () => {
  using client = await LockClient.open(server.locks)
  using other = await LockClient.open(server.locks)
  const scope = fresh()
  const requestId = randomUUID()
  const blocker = await other.acquire(scope)
  let queued = ''
  const cut = client.acquire(scope, { requestId, waitMs: 20_000, onQueued: ({ lock }) => (queued = lock) })
  await until('a place in the queue', () => queued !== '')
  client.cut()
  await expect(cut).rejects.toThrow()
  client.reopen()
  expect((await client.attach()).map(({ name }) => name)).toEqual([queued])
  const again = Array.from({ length: 5 }, () => client.acquire(scope, { requestId, waitMs: 20_000 }))
  await other.release(blocker)
  const granted = await Promise.all(again)
  expect(new Set(granted.map(({ name }) => name))).toEqual(new Set([queued]))
  expect(new Set(granted.map(({ fencingToken }) => fencingToken)).size).toBe(1)
  await client.release(granted[0]!)
  await expect(client.acquire(scope, { requestId, waitMs: 20_000 })).rejects.toMatchObject({
    reason: 'STALE_TOKEN',
  })
})

test('L9 a late release does not end what is held by then, and a refused one leaves the holder informed', async () => {
  using first = await LockClient.open(server.locks)
  using second = await LockClient.open(server.locks)
  const scope = fresh()
  const old = await first.acquire(scope)
  await first.release(old)
  const held = await second.acquire(scope)
  await first.release(old)
  await expect(first.release(held)).rejects.toMatchObject({ reason: 'STALE_TOKEN' })
  await expect(second.release({ ...held, fencingToken: held.fencingToken + 1n })).rejects.toMatchObject({
    reason: 'STALE_TOKEN',
  })
  const { getLock, force } = lockCallsOf(server)
  expect((await getLock(held.name)).state).toBe(Lock_State.HELD)
  await force(held, 'stuck')
  await until('the holder to be told', () => second.told.length > 0)
})

test('L10 several scopes are granted together or not at all', async () => {
  using first = await LockClient.open(server.locks)
  using second = await LockClient.open(server.locks)
  const [a, b] = [fresh(), fresh()]
  const held = await first.acquire(b)
  await expect(second.acquire([a, b])).rejects.toMatchObject({ reason: 'LOCK_HELD' })
  const free = await first.acquire(a)
  const waiting = second.acquire([a, b], { waitMs: 20_000 })
  await first.release(free)
  // It holds nothing while it waits, and still comes before whoever asks for a later.
  await expect(first.acquire(a)).rejects.toMatchObject({ reason: 'LOCK_HELD' })
  await first.release(held)
  expect((await lockCallsOf(server).getLock((await waiting).name)).scopes).toHaveLength(2)
})

test('L12 a forced end is on the lock and in the timeline, and its holder is told who and why', async () => {
  using client = await LockClient.open(server.locks)
  const held = await client.acquire(fresh())
  const calls = lockCallsOf(server)
  const { lock } = await calls.force(held, 'deploy is stuck')
  expect(lock).toMatchObject({ endCause: Lock_EndCause.FORCED, endReason: 'deploy is stuck' })
  expect(lock!.endedBy).not.toBe('')
  await until('the holder to be told', () => client.told.length > 0)
  expect(client.told[0]).toMatchObject({
    name: held.name,
    endReason: 'deploy is stuck',
    endedBy: lock!.endedBy,
  })
  const { entries } = await callsOf(server).listTimeline({ pageSize: 200 })
  const text = JSON.stringify(entries, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  expect(text).toContain('deploy is stuck')
})

test('L12 a new epoch ends what was granted before it, and no token of it passes', async () => {
  await using own = await testServer()
  using client = await LockClient.open(own.locks)
  const held = await client.acquire('production/airship')
  await sql(own.url, 'update ledger set epoch = epoch + 1')
  await until('the holder to be told', () => client.told.length > 0)
  expect(client.told[0]).toMatchObject({ name: held.name, endCause: Lock_EndCause.EPOCH_CHANGED })
  await expect(lockCallsOf(own).verifyFence(held)).rejects.toSatisfy(
    (error) => reasonOf(error) === 'STALE_TOKEN',
  )
  const anew = await client.acquire('production/airship')
  expect(anew.ledgerEpoch).toBe(held.ledgerEpoch + 1n)
})

test('L13 a hold blocks from its revision on: what waits ends, what is asked is refused, what is held stays', async () => {
  using first = await LockClient.open(server.locks)
  using second = await LockClient.open(server.locks)
  const text = fresh()
  const held = await first.acquire(text)
  let queued = false
  const waiting = second.acquire(text, { waitMs: 20_000, onQueued: () => (queued = true) })
  const refusal = expect(waiting).rejects.toMatchObject({
    reason: 'BLOCKED',
    blockers: { blockers: expect.any(Array) },
  })
  await until('a place in the queue', () => queued)
  const calls = lockCallsOf(server)
  const { hold } = await calls.placeHold({ scope: scope(text), reason: 'needs migration 42' })
  await refusal
  await expect(second.acquire(text)).rejects.toMatchObject({
    reason: 'BLOCKED',
    message: expect.stringContaining('needs migration 42'),
  })
  expect((await calls.getLock(held.name)).state).toBe(Lock_State.HELD)
  await first.release(held)
  await calls.liftHold({ name: hold!.name, reason: 'migrated' })
  await second.acquire(text)
})

test('L14 clients that want random sets of scopes all get on: no deadlock, nobody starves', async () => {
  const clients = await Promise.all(Array.from({ length: 6 }, () => LockClient.open(server.locks)))
  const prefix = fresh()
  const scopes = Array.from({ length: 5 }, (_, n) => `${prefix}${n}`)
  const held = new Map<string, LockGrant>()
  const work = async (client: LockClient, at: number): Promise<void> => {
    for (let turn = 0; turn < 15; turn++) {
      const wanted = scopes.filter((_, n) => ((at * 31 + turn * 17 + n * 7) % 5) % 2 === 0)
      const lock = await client.acquire(wanted, { waitMs: 20_000 })
      for (const scope of wanted) {
        expect(held.has(scope)).toBe(false)
        held.set(scope, lock)
      }
      for (const scope of wanted) held.delete(scope)
      await client.release(lock)
    }
  }
  await Promise.all(clients.map(work))
  for (const client of clients) client[Symbol.dispose]()
})
