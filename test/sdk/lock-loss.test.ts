import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import {
  type AcquiredLock,
  type ConnectOptions,
  type Holdfast,
  LockLostError,
  StaleTokenError,
} from '../../sdk/src/index.ts'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer, type TestServer, testServer } from '../harness/server.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until, within } from '../harness/wait.ts'
import { clientUntilTestEnds } from './client-until-test-ends.ts'

failOnLeaks()

let server: TestServer

beforeAll(async () => {
  server = await testServer()
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

const client = (options: ConnectOptions = {}): Holdfast =>
  clientUntilTestEnds({ address: server.address, ...options })

/** Resolves with the reason, and when it came. */
function lossOf(lock: AcquiredLock): Promise<{ error: LockLostError; atMs: number }> {
  return new Promise((resolve) => {
    lock.signal.addEventListener('abort', () =>
      resolve({ error: lock.signal.reason, atMs: performance.now() }),
    )
  })
}

test('L12 a forced end is told to the holder, with who and why', async () => {
  const [holder, other] = [client(), client()]
  const lock = await holder.acquireLock('test/forced')
  const loss = lossOf(lock)
  await other.forceReleaseLock(lock.name, { fencingToken: lock.fencingToken, reason: 'deploy-1 is gone' })
  const { error } = await within('the loss', loss)
  expect(error).toBeInstanceOf(LockLostError)
  expect(error).toMatchObject({ lossCause: 'forced', endReason: 'deploy-1 is gone' })
  expect(error.endedBy).not.toBe('')
  expect(lock.state).toBe('lost')
  expect(() => lock.assertHeld()).toThrow(error)
  await lock.release()
  expect(lock.state).toBe('lost')
  await expect(
    other.forceReleaseLock(lock.name, { fencingToken: lock.fencingToken - 1n, reason: 'again' }),
  ).rejects.toBeInstanceOf(StaleTokenError)
})

test('a wish that it let go is told to the holder, who decides', async () => {
  const [holder, other] = [client(), client()]
  const heard: string[] = []
  await using lock = await holder.acquireLock('test/asked', {
    onReleaseRequest: ({ reason }) => heard.push(reason),
  })
  await other.requestRelease(lock.name, { reason: 'urgent fix' })
  await until('the wish', () => heard.length > 0)
  expect([heard, lock.releaseRequest?.reason, lock.state]).toEqual([['urgent fix'], 'urgent fix', 'held'])
})

test('a lock that is held for as long as it may be is lost before the server ends it', async () => {
  const [holder, other] = [client(), client()]
  const lock = await holder.acquireLock('test/max', { maxHoldMs: 1000 })
  const loss = lossOf(lock)
  const next = other.acquireLock('test/max', { waitMs: 10_000 }).then(async (granted) => {
    const atMs = performance.now()
    await granted.release()
    return atMs
  })
  const { error, atMs } = await within('the loss', loss)
  expect(error.lossCause).toBe('max-hold')
  expect(atMs).toBeLessThan(await next)
})

test('L4 a dropped network aborts the lock before anybody else is granted it', async () => {
  await using proxy = await tcpProxy(server.address)
  const [holder, other] = [client({ address: proxy.address }), client()]
  const lock = await holder.acquireLock('test/dropped', { ttlMs: 2000 })
  const loss = lossOf(lock)
  proxy.drop()
  const next = other.acquireLock('test/dropped', { waitMs: 40_000 }).then(async (granted) => {
    const atMs = performance.now()
    await granted.release()
    return atMs
  })
  const { error, atMs } = await within('the loss', loss)
  expect(error.lossCause).toBe('expired')
  expect(atMs).toBeLessThan(await next)
})

test('L4 a lock is at risk after half of its TTL without a heartbeat, and lost before all of it', async () => {
  const lock = await client().acquireLock('test/risk', { ttlMs: 60_000 })
  const { bigint } = process.hrtime
  let aheadNs = 0n
  vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => bigint() + aheadNs)
  onTestFinished(() => void vi.restoreAllMocks())
  const stateIn = (ms: number) => {
    aheadNs = BigInt(ms) * 1_000_000n
    return lock.state
  }
  // The clock that goes back stands for a heartbeat.
  expect([0, 40_000, 0, 60_000, 0].map(stateIn)).toEqual(['held', 'at-risk', 'held', 'lost', 'lost'])
})

test('L11 a network that comes back within the TTL loses nothing', async () => {
  await using proxy = await tcpProxy(server.address)
  const holdfast = client({ address: proxy.address })
  const lock = await holdfast.acquireLock('test/healed', { ttlMs: 6000 })
  proxy.cut()
  const cutMs = performance.now()
  // By what was beaten until the cut it would be lost before that, and by a single beat after it too.
  await until('more than a TTL', () => performance.now() - cutMs > 8000 || lock.state === 'lost')
  expect(lock.state).not.toBe('lost')
  await lock.release()
})

test('L12 what ended while the session was cut off is told with who and why', async () => {
  await using proxy = await tcpProxy(server.address)
  const [holder, other] = [client({ address: proxy.address }), client()]
  const lock = await holder.acquireLock('test/away', { ttlMs: 10_000 })
  const loss = lossOf(lock)
  proxy.drop()
  await other.forceReleaseLock(lock.name, { fencingToken: lock.fencingToken, reason: 'while away' })
  proxy.heal()
  proxy.cut()
  const { error } = await within('the loss', loss)
  expect(error).toMatchObject({ lossCause: 'forced', endReason: 'while away' })
})

test('L7 who waits under a lease that is lost waits on under the next one', async () => {
  await using proxy = await tcpProxy(server.address)
  const [waiter, other] = [client({ address: proxy.address }), client()]
  const mine = await waiter.acquireLock('test/mine', { ttlMs: 3000 })
  const loss = lossOf(mine)
  const blocker = await other.acquireLock('test/wanted')
  let queued = 0
  const waiting = waiter.acquireLock('test/wanted', {
    ...{ ttlMs: 3000, waitMs: 60_000 },
    onQueued: () => {
      queued++
    },
  })
  waiting.catch(() => {})
  await until('a place in the queue', () => queued > 0)
  proxy.drop()
  await within('the loss', loss)
  proxy.heal()
  proxy.cut()
  await until('a place in the queue under the next lease', () => queued > 1)
  await blocker.release()
  await using granted = await waiting
  expect(granted.state).toBe('held')
})

test('L8 a request made again while its lock is held gives the one handle that it has, which is lost once', async () => {
  await using proxy = await tcpProxy(server.address)
  const holdfast = client({ address: proxy.address })
  const options = { ttlMs: 3000, requestId: 'deploy-42' }
  const lock = await holdfast.acquireLock('test/again', options)
  const loss = lossOf(lock)
  expect(await holdfast.acquireLock('test/again', options)).toBe(lock)
  proxy.drop()
  expect((await within('the loss', loss)).error.lossCause).toBe('expired')
  expect(() => lock.assertHeld()).toThrow(LockLostError)
})

test('L11 a lock outlives the server that granted it, and is released at the next one', async () => {
  await using database = await testDatabase()
  await using first = await spawnServer({ databaseUrl: database.url })
  await using proxy = await tcpProxy(first.address)
  const holdfast = client({ address: proxy.address })
  // Nobody waits for it to run out: it is many times of what a server takes to start.
  const lock = await holdfast.acquireLock('test/restart', { ttlMs: 60_000 })
  await first.kill('SIGKILL')
  await using next = await spawnServer({ databaseUrl: database.url })
  const before = lock.remainingMs
  proxy.moveTo(next.address)
  const waiting = holdfast.acquireLock('test/restart/web-0', { waitMs: 60_000 })
  await until('a beat at the next server', () => lock.remainingMs > before)
  expect((await client({ address: next.address }).verifyFence(lock.fence)).name).toBe(lock.name)
  await lock.release()
  await using granted = await waiting
  expect(granted.fencingToken).toBeGreaterThan(lock.fencingToken)
  await granted.release()
  holdfast.close()
})

test('close gives up what is held, after its signal', async () => {
  const [holder, other] = [client(), client()]
  const lock = await holder.acquireLock('test/closed')
  const loss = lossOf(lock)
  holder.close()
  expect((await loss).error.lossCause).toBe('revoked')
  // Its TTL is longer.
  await using next = await other.acquireLock('test/closed', { waitMs: 20_000 })
  expect(next.state).toBe('held')
})
