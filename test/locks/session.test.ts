import { randomBytes, randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Lock_EndCause, Lock_State } from '../../proto/gen/holdfast/v1/lock.ts'
import type { AcquireLockResponse_Queued, LockGrant } from '../../proto/gen/holdfast/v1/lock_service.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { lockCallsOf } from './calls.ts'
import { LockClient } from './lock-client.ts'

let server: TestServer

beforeAll(async () => {
  server = await testServer()
})
afterAll(() => server[Symbol.asyncDispose]())

/** A service that no other test locks. */
const fresh = (): string => `production/s${randomUUID().slice(0, 8)}`

test('a free scope is granted at once, with the revision of the grant as its token', async () => {
  using client = await LockClient.open(server.locks)
  const lock = await client.acquire(fresh(), { reason: 'deploy' })
  const { fencingToken } = lock
  expect(await lockCallsOf(server).getLock(lock.name)).toMatchObject({
    ...{ state: Lock_State.HELD, reason: 'deploy', revision: fencingToken, fencingToken },
  })
  await client.release(lock)
})

test('a lease that was opened on the stream is named without its secret, and another one is not', async () => {
  using client = await LockClient.open(server.locks)
  const first = client.lease
  const leaseId = randomUUID()
  const ttl = { seconds: 10n, nanos: 0 }
  const value = { leaseId, secret: randomBytes(16), ttl, owner: 'second' }
  await client.call({ $case: 'createLease', value })
  const { getLock } = lockCallsOf(server)
  for (const [named, lease] of [
    ['', `leases/${leaseId}`],
    [first, first],
  ] as const) {
    const lock = await client.acquire(fresh(), { lease: named })
    expect((await getLock(lock.name)).lease).toBe(lease)
    const released = { name: lock.name, fencingToken: lock.fencingToken, lease, leaseSecret: Buffer.alloc(0) }
    expect((await client.call({ $case: 'releaseLock', value: released })).$case).toBe('releaseLock')
  }
  using other = await LockClient.open(server.locks)
  await expect(other.acquire(fresh(), { lease: first })).rejects.toMatchObject({
    reason: 'PERMISSION_DENIED',
  })
})

test('who asks again for what was granted and asked for meanwhile is told of both', async () => {
  using client = await LockClient.open(server.locks)
  const [scope, requestId] = [fresh(), randomUUID()]
  const lock = await client.acquire(scope, { requestId })
  client.cut()
  await lockCallsOf(server).requestRelease(lock, 'deploy-2 waits')
  client.reopen()
  await client.attach()
  expect(await client.acquire(scope, { requestId })).toEqual(lock)
  await until('the wish', () => client.told.some(({ releaseRequest }) => releaseRequest !== undefined))
  expect(client.told[0]).toMatchObject({ name: lock.name, releaseRequest: { reason: 'deploy-2 waits' } })
})

test('who comes second waits, is told who holds it and why, and is granted by the release', async () => {
  using first = await LockClient.open(server.locks, { owner: 'ann' })
  using second = await LockClient.open(server.locks, { owner: 'bob' })
  const scope = fresh()
  const held = await first.acquire(scope, { reason: 'deploy 1' })
  const queued: { place: number; who: string | undefined; reason: string | undefined }[] = []
  const waiting = second.acquire(scope, {
    waitMs: 20_000,
    onQueued: ({ place, blockers }) =>
      queued.push({ place, who: blockers[0]?.who, reason: blockers[0]?.reason }),
  })
  await until('a place in the queue', () => queued.length > 0)
  expect(queued[0]).toMatchObject({ place: 1, who: expect.stringContaining('ann'), reason: 'deploy 1' })
  await first.release(held)
  const granted = await waiting
  expect(granted.fencingToken).toBeGreaterThan(held.fencingToken)
  await second.release(granted)
})

test('who moves up in the line is told, also when somebody else begins to wait at that moment', async () => {
  using client = await LockClient.open(server.locks)
  const scope = fresh()
  await client.acquire(scope)
  const places: number[][] = [[], [], []]
  let first = ''
  const wait = async (nth: number): Promise<void> => {
    const onQueued = ({ lock, place }: AcquireLockResponse_Queued) => {
      places[nth]!.push(place)
      if (nth === 0) first = lock
    }
    client.acquire(scope, { waitMs: 20_000, onQueued }).catch(() => {})
    await until('a place in the line', () => places[nth]!.length > 0)
  }
  await wait(0)
  await wait(1)
  await client.release({ name: first, fencingToken: 0n })
  await wait(2)
  await until('the second to be told that it is next', () => places[1]!.includes(1))
  expect(places[2]).toEqual([2])
})

test('how long a lock is held at the most is told from when its call was taken: a wait adds to it, a retry takes from it', async () => {
  using first = await LockClient.open(server.locks, { ttlMs: 600_000 })
  using second = await LockClient.open(server.locks, { ttlMs: 600_000 })
  const [scope, requestId] = [fresh(), randomUUID()]
  const held = await first.acquire(scope)
  const ask = (onQueued = () => {}) =>
    second.acquire(scope, { requestId, waitMs: 60_000, maxHold: { seconds: 60n, nanos: 0 }, onQueued })
  const msOf = ({ heldFor }: LockGrant) => Number(heldFor!.seconds) * 1000 + heldFor!.nanos / 1e6
  const askedAt = performance.now()
  let queuedAt = 0
  const waiting = ask(() => {
    queuedAt ||= performance.now()
  })
  await until('a place in the queue', () => queuedAt > 0)
  await until('some time', () => performance.now() - queuedAt > 50)
  const releasedAt = performance.now()
  await first.release(held)
  const granted = await waiting
  const grantedAt = performance.now()
  expect(msOf(granted)).toBeGreaterThanOrEqual(60_000 + releasedAt - queuedAt - 2)
  expect(msOf(granted)).toBeLessThanOrEqual(60_000 + grantedAt - askedAt + 2)
  await until('some time', () => performance.now() - grantedAt > 50)
  const againAt = performance.now()
  const again = await ask()
  expect(again.fencingToken).toBe(granted.fencingToken)
  expect(msOf(again)).toBeLessThanOrEqual(60_000 - (againAt - grantedAt) + 2)
  expect(await second.acquire(fresh())).toMatchObject({ heldFor: undefined })
})

test('wait 0 tries once, and says who is in the way', async () => {
  using first = await LockClient.open(server.locks, { owner: 'ann' })
  using second = await LockClient.open(server.locks)
  const scope = fresh()
  await first.acquire(scope, { reason: 'deploy 1' })
  await expect(second.acquire(`${scope}/web-0`)).rejects.toMatchObject({
    reason: 'LOCK_HELD',
    message: expect.stringContaining('ann'),
    blockers: { total: 1, blockers: [{ reason: 'deploy 1' }] },
  })
})

test('a wait ends at its limit, kept by the server', async () => {
  using first = await LockClient.open(server.locks)
  using second = await LockClient.open(server.locks)
  const scope = fresh()
  await first.acquire(scope)
  await expect(second.acquire(scope, { waitMs: 300 })).rejects.toMatchObject({ reason: 'ACQUIRE_TIMED_OUT' })
})

test('the locks of a lease that is not beaten end, and the next in line is granted', async () => {
  using first = await LockClient.open(server.locks)
  using second = await LockClient.open(server.locks)
  const scope = fresh()
  const held = await first.acquire(scope)
  await first.attach(1000)
  const granted = await second.acquire(scope, { waitMs: 20_000 })
  expect(granted.fencingToken).toBeGreaterThan(held.fencingToken)
  expect(await first.beat()).toBe(false)
  await until('the end is told', () => first.told.length > 0)
  expect(first.told[0]).toMatchObject({ name: held.name, endCause: Lock_EndCause.LEASE_EXPIRED })
})
