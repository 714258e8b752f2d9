import { expect, test } from 'vitest'
import { Lock, Lock_EndCause, Lock_State } from '../../proto/gen/holdfast/v1/lock.ts'
import type { LockGrant } from '../../proto/gen/holdfast/v1/lock_service.ts'
import { DeadlineExceededError, LockLostError } from '../../sdk/src/index.ts'
import { until } from './scripted-peer.ts'
import { connected, grantOf, of } from './scripted-sessions.ts'

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
