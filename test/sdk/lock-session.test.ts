import { expect, onTestFinished, test } from 'vitest'
import { DeadlineExceededError, Holdfast, HoldfastError, InvalidRequestError } from '../../sdk/src/index.ts'
import { refusal, startPeer, until } from './scripted-peer.ts'
import { connected, failed, of, ScriptedSessions } from './scripted-sessions.ts'

test('what is asked in one turn of the event loop goes out as one message', async () => {
  const { sessions, holdfast } = await connected()
  const first = await holdfast.acquireLock('name:first')
  const before = sessions.asked.length
  const names = Array.from({ length: 256 }, (_, index) => `name:${index}`)
  const locks = await Promise.all(names.map((name) => holdfast.acquireLock(name)))
  expect(sessions.asked.slice(before).map(({ calls }) => calls.length)).toEqual([256])
  await Promise.all([first, ...locks].map((lock) => lock.release()))
  expect(sessions.asked.at(-1)?.calls.length).toBe(257)
})

test('L8 a cut stream is opened again, its lease comes back, and what was not answered is asked again', async () => {
  const { sessions, holdfast } = await connected(({ stream, call }) =>
    stream === 1 && call.$case === 'acquireLock' ? 'cut' : undefined,
  )
  const lock = await holdfast.acquireLock('test/cut')
  expect(lock.state).toBe('held')
  const creates = of(sessions, 'createLease')
  expect(creates.map(({ stream }) => stream)).toEqual([1, 2])
  expect(creates[1]!.call.value).toEqual(creates[0]!.call.value)
  const acquires = of(sessions, 'acquireLock')
  expect(acquires.map(({ stream }) => stream)).toEqual([1, 2])
  expect(acquires[1]!.call.value.requestId).toBe(acquires[0]!.call.value.requestId)
})

test('a lease goes without saying on the stream that it was opened on, unless there are several', async () => {
  const { sessions, holdfast } = await connected()
  const lock = await holdfast.acquireLock('test/one')
  const named = () => {
    const { lease, leaseSecret } = of(sessions, 'acquireLock').at(-1)!.call.value
    return { lease, secret: leaseSecret.length }
  }
  expect(named()).toEqual({ lease: '', secret: 0 })
  await holdfast.acquireLock('test/other', { ttlMs: 5000 })
  const ids = of(sessions, 'createLease').map(({ call }) => `leases/${call.value.leaseId}`)
  expect(named()).toEqual({ lease: ids[1], secret: 0 })
  await lock.release()
  const release = of(sessions, 'releaseLock')[0]!.call.value
  expect([release.lease, release.leaseSecret.length]).toEqual([ids[0], 0])
})

test('what is asked again before its lease is back has the secret with it', async () => {
  const { sessions, holdfast } = await connected(({ stream, call }) =>
    stream === 1 && call.$case === 'acquireLock' ? 'cut' : undefined,
  )
  await holdfast.acquireLock('test/again')
  const { leaseId, secret } = of(sessions, 'createLease')[0]!.call.value
  expect(of(sessions, 'acquireLock')[1]!.call.value).toMatchObject({
    lease: `leases/${leaseId}`,
    leaseSecret: secret,
  })
})

test('a release is made again on the next stream, also when nobody waits for it any more', async () => {
  const { sessions, holdfast } = await connected(({ stream, call }) =>
    stream === 1 && call.$case === 'releaseLock' ? 'nothing' : undefined,
  )
  const lock = await holdfast.acquireLock('test/release')
  await expect(lock.release({ timeoutMs: 1000 })).rejects.toBeInstanceOf(DeadlineExceededError)
  sessions.streams[0]!.emit('error', refusal('UNAVAILABLE', 'cut'))
  await until(() => of(sessions, 'releaseLock').some(({ stream }) => stream === 2), 'the release')
  expect(of(sessions, 'releaseLock')[1]!.call.value.name).toBe(lock.name)
})

test('a server that is full is asked again after a while', async () => {
  let full = 3
  const { sessions, holdfast } = await connected(({ call }) =>
    call.$case === 'acquireLock' && full-- > 0 ? failed('RESOURCE_EXHAUSTED', 'QUOTA_EXCEEDED') : undefined,
  )
  const lock = await holdfast.acquireLock('test/full')
  expect(lock.state).toBe('held')
  expect(new Set(of(sessions, 'acquireLock').map(({ call }) => call.value.requestId)).size).toBe(1)
})

test('a server without locks says so at once', async () => {
  const peer = await startPeer({})
  const holdfast = Holdfast.lazy({ address: peer.address })
  onTestFinished(() => holdfast.close())
  const error = await holdfast.acquireLock('test/none').catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(HoldfastError)
  expect((error as HoldfastError).code).toBe('UNIMPLEMENTED')
})

test('L11 heartbeats take the token that the client has, also to another stream, until it is refused', async () => {
  const sessions = new ScriptedSessions(() => undefined)
  const authorizations: unknown[] = []
  const peer = await startPeer({
    session: (stream) => sessions.session(stream),
    keepAlive: (stream) => {
      const stand = authorizations.push(stream.metadata.get('authorization')[0])
      // The first one stays silent, and is left for another socket.
      if (stand === 2) stream.emit('error', refusal('UNAUTHENTICATED', 'rotated'))
      if (stand === 3) sessions.keepAlive(stream)
    },
  })
  let asked = 0
  const token = () => `token-${++asked}`
  const holdfast = Holdfast.lazy({ address: peer.address, token })
  onTestFinished(() => holdfast.close())
  // Silence is waited out for a quarter of that, and the stream that answers has as long.
  await holdfast.acquireLock('test/token', { ttlMs: 8000 })
  await until(() => sessions.beats.length > 0, 'a beat')
  expect(authorizations).toEqual(['Bearer token-1', 'Bearer token-1', 'Bearer token-2'])
  expect(asked).toBe(2)
})

test('L11 a lock after an idle while is beaten, though the network dropped the last stream of heartbeats', async () => {
  const sessions = new ScriptedSessions(() => undefined)
  let streams = 0
  const peer = await startPeer({
    session: (stream) => sessions.session(stream),
    // The first one hears nothing of its end, and says nothing of its own.
    keepAlive: (stream) => sessions.keepAlive(stream, ++streams > 1),
  })
  const holdfast = Holdfast.lazy({ address: peer.address })
  onTestFinished(() => holdfast.close())
  // A quarter of that is longer than any wait here: then silence would be noticed, and hide that it was waited for.
  const ttlMs = 240_000
  const first = await holdfast.acquireLock('test/idle', { ttlMs })
  await until(() => sessions.beats.length > 0, 'a beat')
  await first.release()
  await until(() => of(sessions, 'revokeLease').length > 0, 'the revocation')
  await holdfast.acquireLock('test/idle', { ttlMs })
  const { leaseId } = of(sessions, 'createLease')[1]!.call.value
  await until(() => sessions.beats.includes(`leases/${leaseId}`), 'a beat of the next lease')
})

test('a lock after an idle while is granted at once, though the network dropped the last session', async () => {
  let rested = false
  const sessions = new ScriptedSessions(() => undefined)
  const peer = await startPeer({
    // The first one hears nothing of its end, and says nothing of its own.
    session: (stream) => {
      for (const end of ['end', 'cancelled']) stream.once(end, () => (rested = true))
      sessions.session(stream, sessions.streams.length > 0)
    },
    keepAlive: (stream) => sessions.keepAlive(stream),
  })
  const warnings: unknown[] = []
  const silent = () => {}
  const warn = (...warning: unknown[]) => void warnings.push(warning)
  const logger = { debug: silent, info: silent, warn, error: silent }
  const holdfast = Holdfast.lazy({ address: peer.address, logger })
  onTestFinished(() => holdfast.close())
  await (await holdfast.acquireLock('test/idle')).release()
  await until(() => rested, 'the session to go to rest')
  await holdfast.acquireLock('test/idle')
  expect(sessions.streams.length).toBe(2)
  // Not after it was asked through the last one: that it does not answer is told.
  expect(warnings).toEqual([])
})

test('a TTL that is no length of time is refused by name, every time, and costs other locks nothing', async () => {
  const { sessions, holdfast } = await connected()
  for (const ttlMs of [Number.POSITIVE_INFINITY, Number.NaN, -1]) {
    for (let time = 0; time < 2; time++) {
      const error = await holdfast.acquireLock('test/ttl', { ttlMs }).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(InvalidRequestError)
      expect((error as InvalidRequestError).detail).toContain('ttlMs')
    }
  }
  const lock = await holdfast.acquireLock('test/ttl')
  sessions.streams[0]!.emit('error', refusal('UNAVAILABLE', 'cut'))
  await until(() => sessions.streams.length > 1, 'another stream')
  await lock.release()
  expect(of(sessions, 'releaseLock').map(({ stream }) => stream)).toEqual([2])
})

test('a logger that throws costs what was asked and held then, and no later call', async () => {
  let full = true
  const warn = () => {
    if (full) throw new Error('the disk is full')
  }
  const silent = () => {}
  const logger = { debug: silent, info: silent, warn, error: silent }
  const { sessions, holdfast } = await connected(
    ({ stream, call }) => (stream === 1 && call.$case === 'releaseLock' ? 'cut' : undefined),
    { logger },
  )
  const lock = await holdfast.acquireLock('test/logger')
  const other = await holdfast.acquireLock('test/other')
  await expect(other.release()).rejects.toThrow('the disk is full')
  expect(lock.state).toBe('lost')
  expect(lock.signal.reason).toMatchObject({ lossCause: 'revoked', endReason: 'the disk is full' })
  full = false
  expect((await holdfast.acquireLock('test/logger')).state).toBe('held')
  expect(sessions.streams.length).toBe(2)
})

test('leases that are not used are given up, and the next lock has another one', async () => {
  const { sessions, holdfast } = await connected()
  await (await holdfast.acquireLock('test/idle')).release()
  await until(() => of(sessions, 'revokeLease').length > 0, 'the revocation')
  await (await holdfast.acquireLock('test/idle')).release()
  const ids = of(sessions, 'createLease').map(({ call }) => call.value.leaseId)
  expect(new Set(ids).size).toBe(2)
})
