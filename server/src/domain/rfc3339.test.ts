import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Instant } from './instant.ts'
import { formatRfc3339, isWritable, parseRfc3339 } from './rfc3339.ts'

test.each([
  ['2026-05-02T10:00:00Z', '2026-05-02T10:00:00.000000Z'],
  ['2026-05-02t10:00:00.1234567z', '2026-05-02T10:00:00.123456Z'],
  ['2026-05-02T10:00:00+02:30', '2026-05-02T07:30:00.000000Z'],
  ['1969-12-31T23:59:59.5Z', '1969-12-31T23:59:59.500000Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000000Z'],
])('%s is %s', (text, written) => {
  expect(formatRfc3339(parseRfc3339(text)!)).toBe(written)
})

test.each([
  '',
  '2026-05-02',
  '2026-05-02T10:00:00',
  '2026-02-30T10:00:00Z',
  '2026-13-01T10:00:00Z',
  '2026-05-02T24:00:00Z',
  '2026-05-02T10:00:60Z',
  '2026-05-02T10:00:00+24:00',
  '0000-01-01T00:00:00Z',
  '0001-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59-01:00',
  'yesterday',
])('%j is no time', (text) => {
  expect(parseRfc3339(text)).toBeUndefined()
})

test('every time of the years 1 to 9999 is read back as it was written', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -62_135_596_800_000_000n, max: 253_402_300_799_999_999n }), (micros) => {
      const instant = micros as Instant
      expect(isWritable(instant)).toBe(true)
      expect(parseRfc3339(formatRfc3339(instant))).toBe(instant)
    }),
  )
})

test.each([
  [-(2n ** 62n), '0001-01-01T00:00:00.000000Z'],
  [2n ** 62n, '9999-12-31T23:59:59.999999Z'],
  [2n ** 72n, '9999-12-31T23:59:59.999999Z'],
])('%d µs, which a resource may hold, is written as the nearest time that can be', (micros, written) => {
  expect(formatRfc3339(micros as Instant)).toBe(written)
})
