import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareText } from './text-order.ts'

test('orders as the bytes of UTF-8 do', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', 'ü', '\uE000', '\uFF5E', '\u{1F600}', '\u{10000}'),
  })
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareText(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
    }),
    { numRuns: 1000 },
  )
})
