import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareVersions } from './version-order.ts'

test.each([
  ['1.9', '1.10'],
  ['20110501', '20110502'],
  ['1.0', '1.0.1'],
  ['1.0-rc1', '1.0'],
  ['1.0-rc2', '1.0-rc10'],
  ['1.0~beta', '1.0'],
  ['1.0', '1.0-1'],
  ['v1.2', '1.3'],
  ['1.0+build5', '1.0+build6'],
  ['1.0a', '1.0.1'],
  ['99999999999999999998', '99999999999999999999'],
])('%s is before %s', (older, newer) => {
  expect(compareVersions(older, newer)).toBeLessThan(0)
  expect(compareVersions(newer, older)).toBeGreaterThan(0)
})

test('a v before a number makes no other version', () => {
  expect(compareVersions('v1.2.3', '1.2.3')).toBe(0)
  expect(compareVersions('vista', 'ista')).not.toBe(0)
})

const version = fc.oneof(
  fc.string({
    unit: fc.constantFrom('0', '1', '2', '9', '.', '-', '~', '+', 'v', 'a', 'rc', '_'),
    maxLength: 8,
  }),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
)

test('it is a total order', () => {
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0)
      const [x, y, z] = [a, b, c].sort(compareVersions) as [string, string, string]
      expect(compareVersions(x, y)).toBeLessThanOrEqual(0)
      expect(compareVersions(y, z)).toBeLessThanOrEqual(0)
      expect(compareVersions(x, z)).toBeLessThanOrEqual(0)
    }),
    { numRuns: 2000 },
  )
})

test('dotted numbers go as lists of numbers', () => {
  const numbers = fc.array(fc.nat(200), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(numbers, numbers, (a, b) => {
      let expected = 0
      for (let i = 0; i < Math.max(a.length, b.length) && expected === 0; i++) {
        expected = Math.sign((a[i] ?? -1) - (b[i] ?? -1))
      }
      expect(Math.sign(compareVersions(a.join('.'), b.join('.')))).toBe(expected)
    }),
  )
})
