import { expect, test } from 'vitest'
import { durationOf } from './duration.ts'
import { InvalidRequestError } from './errors.ts'
import { event } from './event.ts'

test('parts of a millisecond never make a whole second of nanos', () => {
  const seconds = (ms: number) => {
    const { seconds, nanos } = durationOf('waitMs', ms)!
    return [Number(seconds), nanos]
  }
  expect(seconds(0)).toEqual([0, 0])
  expect(seconds(1500)).toEqual([1, 500_000_000])
  expect(seconds(999.6)).toEqual([0, 999_600_000])
  expect(seconds(999.999_999_9)).toEqual([1, 0])
  expect(seconds(30 * 24 * 3600 * 1000)).toEqual([2_592_000, 0])
  expect(durationOf('waitMs', undefined)).toBeUndefined()
})

test('what is no length of time is refused by name, also in an event', () => {
  for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => durationOf('waitMs', ms)).toThrow(InvalidRequestError)
    expect(() => event.heartbeat('airship', { machine: 'web-0', intervalMs: ms })).toThrow('intervalMs')
  }
})
