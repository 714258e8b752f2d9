import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asOfFields, dateFromTimestamp, revision, timestampFromDate } from './revision.ts'

test('a revision is a whole number of 64 bits', () => {
  expect(revision('18446744073709551615')).toBe(2n ** 64n - 1n)
  expect(revision(7)).toBe(7n)
  for (const value of [-1, 1.5, '', 'x', '-1', '0x10', 2n ** 64n, Number.NaN, 2 ** 60]) {
    expect(() => revision(value)).toThrow(RangeError)
  }
})

test('times go to the protocol and back', () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) => {
      const timestamp = timestampFromDate(date)
      expect(timestamp.nanos).toBeGreaterThanOrEqual(0)
      expect(dateFromTimestamp(timestamp)).toEqual(date)
    }),
  )
  expect(() => timestampFromDate(new Date('never'))).toThrow(RangeError)
})

test('as of a time, a revision, or now', () => {
  expect(asOfFields(undefined)).toEqual({ readTime: undefined, revision: 0n })
  expect(asOfFields(revision(5))).toEqual({ readTime: undefined, revision: 5n })
  expect(asOfFields(new Date(1001))).toEqual({ readTime: { seconds: 1n, nanos: 1_000_000 }, revision: 0n })
})
