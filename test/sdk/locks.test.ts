import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type AcquiredLock,
  AcquireTimedOutError,
  BlockedError,
  type ConnectOptions,
  type Holdfast,
  InvalidRequestError,
  LockHeldError,
  LockLostError,
  RequestIdReusedError,
  StaleTokenError,
} from '../../sdk/src/index.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { holdingLedger } from '../watch/held-ledger.ts'
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

describe('acquiring', () => {
  test('a lock is held until it is released, and its token rises', async () => {
    const holdfast = client()
    const first = await holdfast.acquireLock('test/one', { reason: 'first' })
    expect(first.state).toBe('held')
    expect(first.scopes).toEqual(['test/one'])
    expect(first.remainingMs).toBeGreaterThan(20_000)
    first.assertHeld()
    await first.release()
    expect([first.state, first.remainingMs, first.signal.aborted]).toEqual(['released', 0, false])
    expect(() => first.assertHeld()).toThrow(LockLostError)
    await using second = await holdfast.acquireLock('test/one')
    expect(second.fencingToken).toBeGreaterThan(first.fencingToken)
    expect((await holdfast.verifyFence(second.fence)).name).toBe(second.name)
    await expect(holdfast.verifyFence(first.fence)).rejects.toBeInstanceOf(StaleTokenError)
  })

  test('who is refused is told who holds it, why, since when and how it is lifted', async () => {
    const [holder, other] = [client({ owner: 'airchef on deploy-1' }), client()]
    await using lock = await holder.acquireLock('test/told/web-0', { reason: 'deploying 42' })
    const refusal = await other.acquireLock('test/told').catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(LockHeldError)
    const { blockers, totalBlockers, detail } = refusal as LockHeldError
    expect(totalBlockers).toBe(1)
    expect(blockers[0]).toMatchObject({
      kind: 'lock',
      resource: lock.name,
      scopes: ['test/told/web-0'],
      who: expect.stringContaining('airchef on deploy-1'),
      reason: 'deploying 42',
      sinceAt: expect.any(Date),
      remedy: expect.stringMatching(/./),
    })
    expect(detail).toMatch(
      /test\/told\/web-0 is locked by .*airchef on deploy-1.* since 20.*: deploying 42\n/,
    )
    expect(await other.tryAcquireLock('test/told')).toBeUndefined()
  })

  test('who waits hears of its place and what is in the way, and is granted at the release', async () => {
    const [holder, other] = [client(), client()]
    const lock = await holder.acquireLock('test/wait')
    const heard: string[] = []
    const waiting = other.acquireLock('test/wait', {
      waitMs: 20_000,
      onQueued: ({ place, blockers }) => heard.push(`${place} ${blockers[0]?.resource}`),
    })
    await until('the queue', () => heard.length > 0)
    expect(heard[0]).toBe(`1 ${lock.name}`)
    await lock.release()
    await using granted = await waiting
    expect(granted.fencingToken).toBeGreaterThan(lock.fencingToken)
  })

  test('who waits to the limit is told what is still in the way', async () => {
    const [holder, other] = [client(), client()]
    await using lock = await holder.acquireLock('test/limit', { reason: 'slow' })
    const error = await other.acquireLock('test/limit', { waitMs: 200 }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(AcquireTimedOutError)
    expect((error as AcquireTimedOutError).blockers[0]).toMatchObject({ resource: lock.name, reason: 'slow' })
  })

  test('a program that gives up and ends at once can wait until the server has heard of it', async () => {
    const [holder, waiter] = [client(), client()]
    await using _lock = await holder.acquireLock('test/heard')
    const ender = new AbortController()
    const queued = Promise.withResolvers<void>()
    const options = { waitMs: 60_000, signal: ender.signal, onQueued: () => queued.resolve() }
    const given = waiter.acquireLock('test/heard', options).catch((error: unknown) => error)
    await queued.promise
    let heard: Promise<void>
    {
      // Nobody can write, so that the server cannot have ended the request.
      await using _ledger = await holdingLedger(server.url)
      ender.abort(new Error('given up'))
      expect(await given).toBe(ender.signal.reason)
      heard = waiter.locksHeard()
      expect(await Promise.race([heard, waiter.getServerInfo()])).toBeDefined()
      await waiter.locksHeard({ timeoutMs: 1 })
    }
    await heard
    waiter.close()
    const { items } = (
      await holder.listLocks({ scope: 'test/heard', filter: 'state = WAITING' }).pages().next()
    ).value!
    expect(items).toEqual([])
  })

  test('who gives up leaves the queue, and rejects with the reason of the signal', async () => {
    const [holder, other] = [client(), client()]
    const lock = await holder.acquireLock('test/abort')
    const giveUp = new AbortController()
    let queued = false
    const waiting = other.acquireLock('test/abort', {
      waitMs: 20_000,
      signal: giveUp.signal,
      onQueued: () => {
        queued = true
      },
    })
    await until('the queue', () => queued)
    giveUp.abort(new Error('changed my mind'))
    await expect(waiting).rejects.toThrow('changed my mind')
    await lock.release()
    await using again = await holder.acquireLock('test/abort', { waitMs: 20_000 })
    expect(again.state).toBe('held')
  })

  test('L8 the same request id is the same lock, and other content is refused', async () => {
    const holdfast = client()
    const options = { requestId: `again-${process.hrtime.bigint()}` }
    await using lock = await holdfast.acquireLock('test/again', options)
    const again = await holdfast.acquireLock('test/again', options)
    expect([again.name, again.fencingToken]).toEqual([lock.name, lock.fencingToken])
    await expect(holdfast.acquireLock('test/other', options)).rejects.toBeInstanceOf(RequestIdReusedError)
  })

  test('work is done under the lock, which is released after it', async () => {
    const holdfast = client()
    const done = await holdfast.withLock(['test/work', 'name:work'], {}, async (lock) => {
      expect(await holdfast.tryAcquireLock('test/work')).toBeUndefined()
      expect(await holdfast.tryAcquireLock('name:work')).toBeUndefined()
      return lock.fence
    })
    await expect(holdfast.verifyFence(done)).rejects.toBeInstanceOf(StaleTokenError)
    const failure = new Error('failed')
    await expect(holdfast.withLock('test/work', {}, () => Promise.reject(failure))).rejects.toBe(failure)
    await using after = await holdfast.acquireLock('test/work')
    expect(after.state).toBe('held')
  })

  test('256 requests at once are served', async () => {
    const holdfast = client()
    const names = Array.from({ length: 256 }, (_, index) => `name:many-${index}`)
    const locks = await Promise.all(names.map((name) => holdfast.acquireLock(name)))
    expect(new Set(locks.map(({ fencingToken }) => fencingToken)).size).toBe(256)
    await Promise.all(locks.map((lock) => lock.release()))
  })

  test('bad requests say which field is wrong', async () => {
    const holdfast = client()
    await expect(holdfast.acquireLock('a/b/c/d')).rejects.toBeInstanceOf(InvalidRequestError)
    const short = await holdfast.acquireLock('test/bad', { ttlMs: 10 }).catch((error: unknown) => error)
    expect(short).toBeInstanceOf(InvalidRequestError)
    expect((short as InvalidRequestError).violations[0]?.field).toBe('ttl')
  })
})

describe('holds and conditions', () => {
  test('a hold blocks until its condition is true, and canDeploy lists it', async () => {
    const holdfast = client()
    const { hold } = await holdfast.placeHold('held/airship', {
      reason: 'needs migration 42',
      untilCondition: 'migration:airship/42',
    })
    const question = { service: 'airship', environment: 'held', version: '20110502' }
    const before = await holdfast.canDeploy(question)
    expect(before.allowed).toBe(false)
    expect(before.blockers[0]).toMatchObject({
      kind: 'hold',
      resource: hold.name,
      reason: 'needs migration 42',
    })
    await expect(holdfast.acquireLock('held/airship/web-0')).rejects.toBeInstanceOf(BlockedError)
    const { lifted } = await holdfast.satisfy('migration:airship/42', { reason: 'ran' })
    expect(lifted.map(({ name }) => name)).toEqual([hold.name])
    expect(await holdfast.canDeploy(question)).toEqual({ allowed: true, blockers: [], totalBlockers: 0 })
    expect((await holdfast.listConditions().toArray()).length).toBeGreaterThan(0)
  })

  test('canDeploy lists every lock that is in the way, also more than fit in an error', async () => {
    const holdfast = client()
    const scopes = Array.from({ length: 40 }, (_, at) => `busy/airship/web-${at}`)
    const locks = await Promise.all(
      scopes.map((scope) => holdfast.acquireLock(scope, { reason: 'converge' })),
    )
    const asked = await holdfast.canDeploy({ service: 'airship', environment: 'busy' })
    expect(asked).toMatchObject({ allowed: false, totalBlockers: 40 })
    expect(asked.blockers.map(({ resource }) => resource)).toEqual(locks.map(({ name }) => name))
    await Promise.all(locks.map((lock) => lock.release()))
  })

  test('L13 a hold that is put up ends those who wait, and one lifted by hand says who and why', async () => {
    const [holder, other] = [client(), client()]
    await using lock = await holder.acquireLock('held/cargo')
    let queued = false
    const waiting = other.acquireLock('held/cargo', {
      waitMs: 20_000,
      onQueued: () => {
        queued = true
      },
    })
    const refused = expect(waiting).rejects.toBeInstanceOf(BlockedError)
    await until('the queue', () => queued)
    const { hold } = await holder.placeHold('held', { reason: 'freeze', when: 'attempt.version < "2"' })
    await refused
    expect(lock.state).toBe('held')
    const amended = await holder.amendHold(hold.name, { reason: 'longer freeze', when: '' })
    expect(amended.hold).toMatchObject({ reason: 'longer freeze', when: '' })
    expect(await holder.getHold(hold.name)).toMatchObject({ reason: 'longer freeze', when: '' })
    expect(
      (await holder.listHolds({ scope: 'held/cargo/x', filter: 'state = STANDING' }).toArray()).length,
    ).toBe(1)
    const lifted = await holder.liftHold(hold.name, { reason: 'over' })
    expect(lifted.hold).toMatchObject({ liftReason: 'over', state: 2 })
    expect(await holder.getHold(hold.name)).toMatchObject({ liftReason: 'over', state: 2 })
  })

  test('who waits and requires a condition that is true is granted, however the lock before it ends', async () => {
    const [holder, other, admin] = [client(), client(), client()]
    const condition = `migration:wait/${process.hrtime.bigint()}`
    await admin.satisfy(condition)
    const ends: ((lock: AcquiredLock) => unknown)[] = [
      (lock) => lock.release(),
      (lock) => admin.forceReleaseLock(lock.name, { fencingToken: lock.fencingToken, reason: 'stuck' }),
      () => holder.close(),
    ]
    for (const end of ends) {
      const lock = await holder.acquireLock('test/required')
      const queued = Promise.withResolvers<void>()
      const options = { waitMs: 20_000, requires: [condition], onQueued: () => queued.resolve() }
      const waiting = other.acquireLock('test/required', options)
      await Promise.race([queued.promise, waiting])
      await end(lock)
      await (await waiting).release()
    }
  })
})
