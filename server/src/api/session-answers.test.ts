import { expect, test } from 'vitest'
import { Blocker, Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import { type SessionAnswer, SessionResponse } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { SessionAnswers } from './session-answers.ts'

const released = (callId: bigint): SessionAnswer => ({
  callId,
  answer: { $case: 'releaseLock', value: { revision: 1n } },
})

function queued(callId: bigint, place = 1): SessionAnswer {
  const blocker = Blocker.fromPartial({ resource: 'locks/1', reason: 'x'.repeat(4096), who: 'y'.repeat(256) })
  const blockers = Array.from({ length: 100 }, () => blocker)
  const value = { lock: 'locks/2', place, blockers, totalBlockers: 100 }
  return { callId, answer: { $case: 'acquireLock', value: { answer: { $case: 'queued', value } } } }
}

const changed = (name: string, reason: string): SessionAnswer => ({
  callId: 0n,
  answer: { $case: 'lockChanged', value: Lock.fromPartial({ name, reason }) },
})

/** The answers of each message until none is left. */
function taken(answers: SessionAnswers): SessionAnswer[][] {
  const messages: SessionAnswer[][] = []
  while (answers.size > 0) messages.push(SessionResponse.decode(answers.take()).answers)
  return messages
}

const bytesOf = (answers: SessionAnswer[]): number => SessionResponse.encode({ answers }).finish().length

test('what is ready at once is one message', () => {
  const answers = new SessionAnswers()
  for (let id = 1n; id <= 1000n; id++) answers.push(released(id))
  expect(taken(answers).map(({ length }) => length)).toEqual([1000])
})

test.each([
  ['twenty that wait behind a hundred', 20, (id: bigint) => queued(id)],
  [
    'the ends of a thousand locks with long reasons',
    1000,
    (id: bigint) => changed(`locks/${id}`, 'x'.repeat(4096)),
  ],
])('%s are several messages, each of which every client takes', (_what, length, answer) => {
  const answers = new SessionAnswers()
  const all = Array.from({ length }, (_, at) => answer(BigInt(at + 1)))
  for (const one of all) answers.push(one)
  const messages = taken(answers)
  for (const message of messages) expect(bytesOf(message)).toBeLessThanOrEqual(1024 * 1024)
  expect(messages.length).toBeLessThan((2 * bytesOf(all)) / (1024 * 1024))
  expect(messages.flat()).toEqual(all)
})

test('an answer that no message holds goes alone', () => {
  const answers = new SessionAnswers()
  const large = changed('locks/1', 'x'.repeat(2 * 1024 * 1024))
  for (const answer of [released(1n), large, released(2n)]) answers.push(answer)
  expect(taken(answers)).toEqual([[released(1n)], [large], [released(2n)]])
})

test('who reads late is told the newest place of a call and the newest state of a lock, once', () => {
  const answers = new SessionAnswers()
  for (const place of [3, 2]) answers.push(queued(1n, place))
  answers.push(queued(2n, 9))
  for (const reason of ['asked for', 'ended']) answers.push(changed('locks/1', reason))
  const news = [queued(1n, 2), queued(2n, 9), changed('locks/1', 'ended')]
  expect(taken(answers)).toEqual([news])
  for (const again of [queued(1n, 1), changed('locks/1', 'gone')]) answers.push(again)
  expect(taken(answers)).toEqual([[queued(1n, 1), changed('locks/1', 'gone')]])
})
