import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutToBytes } from './cut-to-bytes.ts'

test('what fits stays as it is', () => {
  expect(cutToBytes('naïve', 6)).toBe('naïve')
})

test('a cut falls between characters', () => {
  expect(cutToBytes('日本語です', 10)).toBe('日本...')
})

test('the result fits, is well-formed, and begins as the text does', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.integer({ min: 4, max: 80 }),
      (text, maxBytes) => {
        const cut = cutToBytes(text, maxBytes)
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(maxBytes)
        expect(cut.isWellFormed()).toBe(true)
        expect(text.toWellFormed().startsWith(cut.replace(/\.\.\.$/, ''))).toBe(true)
      },
    ),
  )
})
