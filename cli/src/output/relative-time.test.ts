import { expect, test } from 'vitest'
import { localTime, relativeTime } from './relative-time.ts'

const now = new Date(2026, 10, 22, 12, 0, 0)

test.each([
  [-60, 'just now'],
  [0.5, 'just now'],
  [1, '1s ago'],
  [59, '59s ago'],
  [60, '1m ago'],
  [3_599, '59m ago'],
  [3_600, '1h ago'],
  [86_399, '23h ago'],
  [86_400, '1d ago'],
  [29.9 * 86_400, '29d ago'],
  [31 * 86_400, '2026-10-22'],
])('%s seconds before now is %j', (seconds, text) => {
  expect(relativeTime(new Date(now.getTime() - seconds * 1_000), now)).toBe(text)
})

test('no time is no text', () => {
  expect(relativeTime(undefined, now)).toBe('')
})

test('a time is local', () => {
  expect(localTime(new Date(2026, 0, 2, 3, 4, 5))).toBe('2026-01-02 03:04:05')
})
