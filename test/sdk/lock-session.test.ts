import { type ServerDuplexStream, status } from '@grpc/grpc-js'
import { expect, onTestFinished, test } from 'vitest'
import { ErrorInfo } from '../../proto/gen/google/rpc/error_details.ts'
import { Lock, Lock_EndCause, Lock_State } from '../../proto/gen/holdfast/v1/lock.ts'
import type {
  KeepAliveRequest,
  KeepAliveResponse,
  LockGrant,
  SessionAnswer,
  SessionCall,
  SessionRequest,
  SessionResponse,
} from '../../proto/gen/holdfast/v1/lock_service.ts'
import {
  type ConnectOptions,
  DeadlineExceededError,
  EpochChangedError,
  Holdfast,
  HoldfastError,
  InvalidRequestError,
  LockLostError,
} from '../../sdk/src/index.ts'
import { refusal, startPeer, until } from './scripted-peer.ts'

type Answer = NonNullable<SessionAnswer['answer']>
type Stream = ServerDuplexStream<SessionRequest, SessionResponse>

interface Taken {
  stream: number
  call: NonNullable<SessionCall['call']>
}

/** What to answer a call with; undefined: as usual. */
type Script = (taken: Taken, sessions: ScriptedSessions) => Answer | 'cut' | 'nothing' | undefined

/** The server's end of sessions: answers as a lock service that everything is free at, unless the script says. */
class ScriptedSessions {
  readonly messages: SessionRequest[] = []
  readonly taken: Taken[] = []
  readonly streams: Stream[] = []
  readonly beats: string[] = []
  #token = 0n

  readonly #answerTo: Script

  /** The messages without those that only ask whether the server is there, after a second on a machine that is busy. */
  get asked(): SessionRequest[] {
    return this.messages.filter(({ calls }) => calls.some(({ call }) => call?.$case !== 'keepAlive'))
  }

  constructor(answerTo: Script) {
    this.#answerTo = answerTo
  }

  readonly session = (stream: Stream, ends = true): void => {
    const number = this.streams.push(stream)
    stream.on('data', (request: SessionRequest) => {
      this.messages.push(request)
      const answers: SessionAnswer[] = []
      for (const { callId, call } of request.calls) {
        const taken = { stream: number, call: call! }
        this.taken.push(taken)
        const answer = this.#answerTo(taken, this) ?? this.usual(call!)
        if (answer === 'cut') return void stream.emit('error', refusal('UNAVAILABLE', 'cut'))
        if (answer !== 'nothing') answers.push({ callId, answer })
      }
      if (answers.length > 0) stream.write({ answers })
    })
    if (ends) stream.on('end', () => stream.end())
  }

  readonly keepAlive = (
    stream: ServerDuplexStream<KeepAliveRequest, KeepAliveResponse>,
    ends = true,
  ): void => {
    stream.on('data', ({ beats }: KeepAliveRequest) => {
      this.beats.push(...beats.map(({ lease }) => lease))
      const ttl = { seconds: 30n, nanos: 0 }
      stream.write({ results: beats.map(({ lease }) => ({ lease, ttl, error: undefined })) })
    })
    if (ends) stream.on('end', () => stream.end())
  }

  usual(call: NonNullable<SessionCall['call']>): Answer {
    switch (call.$case) {
      case 'createLease':
        return { $case: 'createLease', value: { lease: undefined, locks: [], ledgerEpoch: 1n } }
      case 'acquireLock': {
        const fencingToken = ++this.#token
        return { $case: 'granted', value: { ...grantOf(`locks/${fencingToken}`), fencingToken } }
      }
      case 'keepAlive':
        return { $case: 'keepAlive', value: { results: [] } }
      case 'revokeLease':
        return { $case: 'revokeLease', value: { revision: this.#token } }
      case 'releaseLock':
        return { $case: 'releaseLock', value: { revision: this.#token } }
    }
  }
}

async function connected(answerTo: Script = () => undefined, options: ConnectOptions = {}) {
  const sessions = new ScriptedSessions(answerTo)
  const peer = await startPeer({
    session: (stream) => sessions.session(stream),
    keepAlive: (stream) => sessions.keepAlive(stream),
  })
  const holdfast = Holdfast.lazy({ address: peer.address, timeoutMs: 20_000, ...options })
  onTestFinished(() => holdfast.close())
  return { sessions, holdfast }
}

const grantOf = (name: string): LockGrant => ({
  name,
  fencingToken: 1n,
  ledgerEpoch: 1n,
  heldFor: undefined,
})

function failed(code: keyof typeof status, reason: string): Answer {
  const value = Buffer.from(ErrorInfo.encode({ reason, domain: 'holdfast.dev', metadata: {} }).finish())
  const details = [{ typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value }]
  return { $case: 'error', value: { code: status[code], message: reason, details } }
}

function of<Case extends Taken['call']['$case']>(sessions: ScriptedSessions, $case: Case) {
  return sessions.taken.filter(
    (taken): taken is Taken & { call: Extract<Taken['call'], { $case: Case }> } => taken.call.$case === $case,
  )
}

test('W11 L2 the epoch of a grant counts also when its lease was opened as that epoch began: a server before it is refused', async () => {
  let opened = 0
  const { sessions, holdfast } = await connected(({ call, stream }) => {
    if (call.$case === 'createLease') {
      opened++
      const ledgerEpoch = stream === 2 ? 2n : 1n
      return { $case: 'createLease', value: { lease: undefined, locks: [heldLock], ledgerEpoch } }
    }
    return call.$case === 'acquireLock'
      ? { $case: 'granted', value: { ...grantOf(heldLock.name), ledgerEpoch: 2n } }
      : undefined
  })
  const heldLock = Lock.fromPartial({ name: 'locks/1', state: Lock_State.HELD })
  const lock = await holdfast.acquireLock('test/epoch')
  sessions.streams[0]!.emit('error', refusal('UNAVAILABLE', 'cut'))
  await until(() => opened === 2, 'the lease again')
  await holdfast.acquireLock('test/after')
  expect(lock.state).toBe('held')
  sessions.streams[1]!.emit('error', refusal('UNAVAILABLE', 'cut'))
  await expect(holdfast.acquireLock('test/other', { ttlMs: 40_000 })).rejects.toBeInstanceOf(
    EpochChangedError,
  )
  expect(lock.signal.reason).toMatchObject({ lossCause: 'epoch-changed' })
})

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

test('what is granted after its caller gave up is released', async () => {
  let late: (() => void) | undefined
  const { sessions, holdfast } = await connected((taken, scripted) => {
    if (taken.call.$case !== 'acquireLock' || of(scripted, 'acquireLock').length === 1) return undefined
    const { callId } = scripted.messages.at(-1)!.calls[0]!
    late = () => scripted.streams[0]!.write({ answers: [{ callId, answer: scripted.usual(taken.call) }] })
    return 'nothing'
  })
  // What gets ready is no part of the time that the next one has.
  await holdfast.acquireLock('test/early')
  await expect(holdfast.acquireLock('test/late', { timeoutMs: 1000 })).rejects.toBeInstanceOf(
    DeadlineExceededError,
  )
  await until(() => late !== undefined, 'the request')
  late!()
  await until(() => of(sessions, 'releaseLock').length > 0, 'the release')
  expect(of(sessions, 'releaseLock')[0]!.call.value).toMatchObject({ name: 'locks/2', fencingToken: 2n })
})

/** A lock to hold for 20 s at the most, 2 s of them margin, whose grant takes its time; and how long after it is looked at. */
async function grantedLate(heldFor: LockGrant['heldFor']) {
  let grant: (() => void) | undefined
  const { holdfast } = await connected((taken, scripted) => {
    if (taken.call.$case !== 'acquireLock') return undefined
    const { callId } = scripted.messages.at(-1)!.calls[0]!
    const value = { ...grantOf('locks/1'), heldFor }
    grant = () => scripted.streams[0]!.write({ answers: [{ callId, answer: { $case: 'granted', value } }] })
    return 'nothing'
  })
  const granted = holdfast.acquireLock('test/late-grant', { ttlMs: 600_000, maxHoldMs: 20_000 })
  await until(() => grant !== undefined, 'the request')
  const askedBefore = performance.now()
  await until(() => performance.now() - askedBefore > 50, 'some time on the way')
  const grantedAfter = performance.now()
  grant!()
  const lock = await granted
  const sinceAskedMs = performance.now() - askedBefore
  return { remainingMs: lock.remainingMs, sinceAskedMs, sinceGrantedMs: performance.now() - grantedAfter }
}

test('L4 how long a lock may be held counts from when it was asked for, however late the grant arrives', async () => {
  const { remainingMs, sinceAskedMs } = await grantedLate({ seconds: 20n, nanos: 0 })
  expect(remainingMs).toBeLessThanOrEqual(18_000 - sinceAskedMs + 1)
})

test.each([
  ['by a clock that was set while it waited', { seconds: 7200n, nanos: 0 }],
  ['by a server that does not say so', undefined],
])('a wait is no part of how long its lock may be held, nor is more, %s', async (_, heldFor) => {
  const { remainingMs, sinceGrantedMs } = await grantedLate(heldFor)
  expect(remainingMs).toBeLessThanOrEqual(18_000)
  expect(remainingMs).toBeGreaterThanOrEqual(18_000 - sinceGrantedMs)
})

test('a grant that comes after its lock may be held no longer is lost at once', async () => {
  const heldFor = { seconds: 0n, nanos: 0 }
  const { holdfast } = await connected(({ call }) =>
    call.$case === 'acquireLock'
      ? { $case: 'granted', value: { ...grantOf('locks/1'), heldFor } }
      : undefined,
  )
  const lock = await holdfast.acquireLock('test/over', { maxHoldMs: 20_000 })
  expect(lock.signal.reason).toBeInstanceOf(LockLostError)
  expect(lock.signal.reason).toMatchObject({ lossCause: 'max-hold' })
})

test('a grant and its end in one message are both heard of', async () => {
  const { holdfast } = await connected((taken, scripted) => {
    if (taken.call.$case !== 'acquireLock') return undefined
    const { callId } = scripted.messages.at(-1)!.calls[0]!
    const answer = scripted.usual(taken.call)
    const lock = Lock.fromPartial({
      name: 'locks/1',
      state: Lock_State.ENDED,
      endCause: Lock_EndCause.FORCED,
      endedBy: 'ops',
      endReason: 'now',
    })
    scripted.streams[0]!.write({
      answers: [
        { callId, answer },
        { callId: 0n, answer: { $case: 'lockChanged', value: lock } },
      ],
    })
    return 'nothing'
  })
  const lock = await holdfast.acquireLock('test/short')
  expect(lock.state).toBe('lost')
  expect(lock.signal.reason).toBeInstanceOf(LockLostError)
  expect(lock.signal.reason).toMatchObject({ lossCause: 'forced', endedBy: 'ops', endReason: 'now' })
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
