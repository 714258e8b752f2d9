import { expect, test } from 'vitest'
import { messageParts } from './message-parts.ts'

const joined = (part: readonly string[]): Buffer => Buffer.from(part.join(''))

test('what fits is one message', () => {
  expect(messageParts(['a', 'b', 'c'], joined).map(String)).toEqual(['abc'])
  expect(messageParts([], joined).map(String)).toEqual([''])
})

test('what does not fit is several, in order, each within the limit', () => {
  const items = Array.from({ length: 9 }, (_, i) => String(i).repeat(300_000))
  const parts = messageParts(items, joined)
  expect(parts.length).toBeGreaterThan(2)
  for (const part of parts) expect(part.length).toBeLessThanOrEqual(1 << 20)
  expect(Buffer.concat(parts).equals(joined(items))).toBe(true)
})

test('an item is never cut', () => {
  const items = ['a'.repeat(3 << 20), 'b', 'c'.repeat(2 << 20)]
  expect(messageParts(items, joined).map((part) => String(part)[0])).toEqual(['a', 'b', 'c'])
})
