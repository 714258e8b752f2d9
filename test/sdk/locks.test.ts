import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  type AcquiredLock,
  AcquireTimedOutError,
  BlockedError,
  type ConnectOptions,
  Holdfast,
  InvalidRequestError,
  LockHeldError,
  LockLostError,
  RequestIdReusedError,
  StaleTokenError,
} from '../../sdk/src/index.ts'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer, type TestServer, testServer } from '../harness/server.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until, within } from '../harness/wait.ts'
import { holdingLedger } from '../watch/held-ledger.ts'

failOnLeaks()

let server: TestServer

beforeAll(async () => {
  server = await testServer()
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

function client(options: ConnectOptions = {}): Holdfast {
  const holdfast = Holdfast.lazy({ address: server.address, ...options })
  onTestFinished(() => holdfast.close())
  return holdfast
}

/** Resolves with the reason, and when it came. */
function lossOf(lock: AcquiredLock): Promise<{ error: LockLostError; atMs: number }> {
  return new Promise((resolve) => {
    lock.signal.addEventListener('abort', () =>
      resolve({ error: lock.signal.reason, atMs: performance.now() }),
    )
  })
}

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
    await using again = await holder.acquireLock('test/abort', { waitMs: 5000 })
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

describe('losing', () => {
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
    const next = other.acquireLock('test/dropped', { waitMs: 20_000 }).then(async (granted) => {
      const atMs = performance.now()
      await granted.release()
      return atMs
    })
    await until('the risk', () => lock.state === 'at-risk')
    const { error, atMs } = await within('the loss', loss)
    expect(error.lossCause).toBe('expired')
    expect(atMs).toBeLessThan(await next)
  })

  test('L11 a network that comes back within the TTL loses nothing', async () => {
    await using proxy = await tcpProxy(server.address)
    const holdfast = client({ address: proxy.address })
    const lock = await holdfast.acquireLock('test/healed', { ttlMs: 4000 })
    const granted = performance.now()
    proxy.cut()
    await until('three TTLs', () => performance.now() - granted > 12_000 || lock.state === 'lost')
    expect(lock.state).toBe('held')
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
    const loss = lossOf(mine)
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
    expect(await holdfast.acquireLock('test/again', options)).toBe(lock)
    const loss = lossOf(lock)
    proxy.drop()
    expect((await within('the loss', loss)).error.lossCause).toBe('expired')
    expect(() => lock.assertHeld()).toThrow(LockLostError)
  })

  test('L11 a lock outlives the server that granted it, and is released at the next one', async () => {
    await using database = await testDatabase()
    await using first = await spawnServer({ databaseUrl: database.url })
    const { address } = first
    const holdfast = client({ address })
    const lock = await holdfast.acquireLock('test/restart', { ttlMs: 15_000 })
    await first.kill('SIGKILL')
    await using next = await spawnServer({ databaseUrl: database.url, address })
    const waiting = holdfast.acquireLock('test/restart/web-0', { waitMs: 20_000, timeoutMs: 20_000 })
    await until('a beat at the next server', () => lock.remainingMs > 12_700)
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
    await using next = await other.acquireLock('test/closed', { waitMs: 5000 })
    expect(next.state).toBe('held')
  })
})

describe('a program of its own', () => {
  const program = join(import.meta.dirname, 'lock-holder.ts')

  interface Said {
    what: string
    atNs: bigint
    fence: string
  }

  interface Holder {
    address?: string
    /** Blocks its event loop at once, for so long. */
    blockedMs?: number
    tokenFile?: string
  }

  async function holder(scope: string, ttlMs: number, options: Holder = {}) {
    const { address = server.address, blockedMs = 0, tokenFile } = options
    const numbers = [ttlMs, blockedMs].map(String)
    const arguments_ = ['--conditions=holdfast-source', program, address, scope, ...numbers]
    const child: ChildProcess = spawn(process.execPath, arguments_, {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, ...(tokenFile !== undefined && { HOLDFAST_TOKEN_FILE: tokenFile }) },
    })
    const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
    onTestFinished(async () => {
      child.kill('SIGKILL')
      await exited
    })
    let text = ''
    child.stdout!.setEncoding('utf8').on('data', (more: string) => {
      text += more
    })
    const said = (): Said[] =>
      text
        .split('\n')
        .slice(0, -1)
        .map((line) => line.split(' '))
        .map(([what = '', at = '', fence = '']) => ({ what, atNs: BigInt(at), fence }))
    await until('the lock', () => said().some(({ what }) => what === 'acquired'))
    return { child, said, exited }
  }

  function sayNext(scope: string): Promise<bigint> {
    return client()
      .acquireLock(scope, { waitMs: 20_000 })
      .then(async (granted) => {
        const atNs = process.hrtime.bigint()
        await granted.release()
        return atNs
      })
  }

  test('L4 a process that is stopped does not take itself for the holder when it comes back', async () => {
    const { child, said } = await holder('test/stopped', 1500)
    await until('a beat', () => said().filter(({ what }) => what === 'held').length > 20)
    const next = sayNext('test/stopped')
    child.kill('SIGSTOP')
    const grantedNs = await within('the next grant', next)
    child.kill('SIGCONT')
    await until('the abort', () => said().some(({ what }) => what === 'aborted'))
    expect(said().filter(({ what, atNs }) => what === 'held' && atNs > grantedNs)).toEqual([])
  })

  test('L11 a blocked event loop loses nothing: the thread beats on', async () => {
    const { child, said } = await holder('test/blocked', 1500)
    const other = client()
    child.stdin!.write('4000\n')
    await until('the end of the block', () =>
      said().some(({ what }) => what === 'survived' || what === 'lost'),
    )
    expect(said().at(-1)?.what).not.toBe('lost')
    expect(said().some(({ what }) => what === 'survived')).toBe(true)
    expect(await other.tryAcquireLock('test/blocked')).toBeUndefined()
  })

  test('L11 a program that gets its token from a file may block its event loop right after the grant', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const tokenFile = join(folder, 'token')
    await writeFile(tokenFile, 'holder:s3cret\n')
    await using guarded = await testServer({ tokens: [{ principal: 'holder', token: 's3cret' }] })
    const other = Holdfast.lazy({ address: guarded.address, token: 's3cret' })
    onTestFinished(() => other.close())
    const { address } = guarded
    const { child, said, exited } = await holder('test/token', 3000, { address, tokenFile, blockedMs: 5000 })
    await until('the end of the block', () =>
      said().some(({ what }) => what === 'survived' || what === 'lost'),
    )
    expect(
      said()
        .map(({ what }) => what)
        .filter((what) => what !== 'held'),
    ).toEqual(['acquired', 'survived'])
    expect(await other.tryAcquireLock('test/token')).toBeUndefined()
    other.close()
    child.kill('SIGKILL')
    await exited
  })

  test('L4 a loss during a block of the event loop is the first thing that is seen after it', async () => {
    await using proxy = await tcpProxy(server.address)
    const { child, said } = await holder('test/cut-off', 1500, { address: proxy.address })
    child.stdin!.write('4000\n')
    proxy.drop()
    const grantedNs = await within('the next grant', sayNext('test/cut-off'))
    await until('the end of the block', () =>
      said().some(({ what }) => what === 'survived' || what === 'lost'),
    )
    const after = said().filter(({ atNs }) => atNs > grantedNs)
    expect(after.map(({ what }) => what)).toEqual(['aborted', 'lost'])
    child.kill('SIGKILL')
  })

  test('a program that forgets to close ends by itself', async () => {
    const { child, said, exited } = await holder('test/ends', 30_000)
    child.stdin!.end()
    await within('the end', exited)
    expect(said().length).toBeGreaterThan(0)
  })
})
