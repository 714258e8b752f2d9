import { expect, test } from 'vitest'
import { Blocker } from '../../../proto/gen/holdfast/v1/lock.ts'
import { type SessionAnswer, SessionResponse } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { SessionAnswers } from './session-answers.ts'

const released = (callId: bigint): SessionAnswer => ({
  callId,
  answer: { $case: 'releaseLock', value: { revision: 1n } },
})

function queued(callId: bigint): SessionAnswer {
  const blocker = Blocker.fromPartial({ resource: 'locks/1', reason: 'x'.repeat(4096), who: 'y'.repeat(256) })
  const blockers = Array.from({ length: 100 }, () => blocker)
  const value = { lock: 'locks/2', place: 1, blockers, totalBlockers: 100 }
  return { callId, answer: { $case: 'acquireLock', value: { answer: { $case: 'queued', value } } } }
}

test('what is ready at once is one message', () => {
  const answers = new SessionAnswers()
  for (let id = 1n; id <= 1000n; id++) answers.push(released(id))
  expect(answers.take()).toHaveLength(1000)
  expect(answers.isEmpty).toBe(true)
})

test('a thousand that wait behind a hundred are several messages, each of which every client takes', () => {
  const answers = new SessionAnswers()
  for (let id = 1n; id <= 1000n; id++) answers.push(queued(id))
  const ids: bigint[] = []
  while (!answers.isEmpty) {
    const message = answers.take()
    expect(SessionResponse.encode({ answers: message }).finish().length).toBeLessThan(4 * 1024 * 1024)
    ids.push(...message.map(({ callId }) => callId))
  }
  expect(ids).toEqual(Array.from({ length: 1000 }, (_, at) => BigInt(at + 1)))
})
