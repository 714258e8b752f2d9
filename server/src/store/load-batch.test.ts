import fc from 'fast-check'
import { expect, test } from 'vitest'
import { admit, emptySequence } from '../domain/sequence.ts'
import { formatGaps, parseGaps } from './load-batch.ts'

test('gaps are written as a multirange, and read back as they were', () => {
  const seqs = fc.array(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), { maxLength: 40 })
  fc.assert(
    fc.property(seqs, (arrived) => {
      const sequence = emptySequence()
      for (const seq of arrived) admit(sequence, seq)
      expect(parseGaps(formatGaps(sequence.gaps))).toEqual(sequence.gaps)
    }),
  )
})

test.each([
  ['{}', []],
  ['{[3,5)}', [[3, 4]]],
  [
    '{[3,4),[9,12)}',
    [
      [3, 3],
      [9, 11],
    ],
  ],
])('%s', (text, gaps) => {
  expect(parseGaps(text)).toEqual(gaps)
  expect(formatGaps(gaps as [number, number][])).toBe(text)
})
