import fc from 'fast-check'
import { expect, test } from 'vitest'
import { jsonEqual } from './json-equal.ts'

const value = fc.jsonValue({ maxDepth: 4 })

test('a value is equal to its copy', () => {
  fc.assert(fc.property(value, (a) => jsonEqual(a, structuredClone(a))))
})

test('two values are equal when their JSON is, once its keys are sorted', () => {
  const sorted = (a: unknown): unknown =>
    Array.isArray(a)
      ? a.map(sorted)
      : a !== null && typeof a === 'object'
        ? Object.fromEntries(
            Object.keys(a)
              .sort()
              .map((key) => [key, sorted((a as Record<string, unknown>)[key])]),
          )
        : a
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(jsonEqual(a, b)).toBe(JSON.stringify(sorted(a)) === JSON.stringify(sorted(b)))
      expect(jsonEqual(b, a)).toBe(jsonEqual(a, b))
    }),
  )
})

test.each([
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
  [{ a: undefined }, {}, false],
  [{ a: 1 }, { a: 1, b: undefined }, false],
  [[1, 2], [2, 1], false],
  [[], {}, false],
  [null, {}, false],
  [null, undefined, false],
  [Number.NaN, Number.NaN, true],
  [{ a: [Number.NaN] }, { a: [Number.NaN] }, true],
  [1n, 1n, true],
  [1n, 1, false],
  ['1', 1, false],
  [{ constructor: Object }, {}, false],
  [{}, { toString: 1 }, false],
])('%o and %o: %s', (a, b, equal) => {
  expect(jsonEqual(a, b)).toBe(equal)
  expect(jsonEqual(b, a)).toBe(equal)
})
