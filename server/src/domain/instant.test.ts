import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  addMilliseconds,
  dateFromInstant,
  earlier,
  type Instant,
  instantFromDate,
  instantFromTimestamp,
  timestampFromInstant,
} from './instant.ts'

/** From the year 1 to 9999, as a Timestamp may be. */
const instant = fc
  .bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n })
  .map((micros) => micros as Instant)

test('an instant becomes a valid timestamp and the same instant again', () => {
  fc.assert(
    fc.property(instant, (at) => {
      const { seconds, nanos } = timestampFromInstant(at)
      expect(nanos).toBeGreaterThanOrEqual(0)
      expect(nanos).toBeLessThan(1e9)
      expect(instantFromTimestamp({ seconds, nanos })).toBe(at)
    }),
  )
})

test('order is kept', () => {
  fc.assert(
    fc.property(instant, instant, (a, b) => {
      expect(earlier(a, b)).toBe(a < b ? a : b)
      const [first, second] = [timestampFromInstant(a), timestampFromInstant(b)]
      const before =
        first.seconds < second.seconds || (first.seconds === second.seconds && first.nanos < second.nanos)
      expect(before).toBe(a < b)
    }),
  )
})

test('what is finer than a microsecond is cut, towards the past', () => {
  expect(instantFromTimestamp({ seconds: 1n, nanos: 999 })).toBe(1_000_000n)
  expect(instantFromTimestamp({ seconds: -1n, nanos: 1999 })).toBe(-999_999n)
  expect(timestampFromInstant(-1n as Instant)).toEqual({ seconds: -1n, nanos: 999_999_000 })
})

test('dates pass through to the millisecond', () => {
  const date = new Date('2026-11-22T12:00:00.123Z')
  expect(dateFromInstant(instantFromDate(date))).toEqual(date)
  expect(dateFromInstant(addMilliseconds(instantFromDate(date), -123))).toEqual(
    new Date('2026-11-22T12:00:00Z'),
  )
})
