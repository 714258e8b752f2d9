import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HoldfastError } from './error.ts'
import { admit, covers, emptySequence, type Gap, MAX_GAPS, type Sequence } from './sequence.ts'

/** The gaps that a set of arrived numbers leaves. */
function gapsOf(arrived: Set<number>): Gap[] {
  const gaps: Gap[] = []
  let first: number | undefined
  for (let seq = 1; seq <= Math.max(0, ...arrived); seq++) {
    if (!arrived.has(seq)) first ??= seq
    else if (first !== undefined) {
      gaps.push([first, seq - 1])
      first = undefined
    }
  }
  return gaps
}

function arrive(sequence: Sequence, ...seqs: number[]): void {
  for (const seq of seqs) admit(sequence, seq)
}

test('a numbering knows what arrived, whatever the order: as a set does', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 60 }), (seqs) => {
      const sequence = emptySequence()
      const arrived = new Set<number>()
      for (const seq of seqs) {
        expect(covers(sequence, seq)).toBe(arrived.has(seq))
        if (!arrived.has(seq)) admit(sequence, seq)
        arrived.add(seq)
        expect(sequence.gaps).toEqual(gapsOf(arrived))
        expect(sequence.highWater).toBe(Math.max(...arrived))
      }
      for (let seq = 1; seq <= 61; seq++) expect(covers(sequence, seq)).toBe(arrived.has(seq))
    }),
  )
})

test('what arrived a second time changes nothing', () => {
  const sequence = emptySequence()
  arrive(sequence, 1, 2, 5)
  arrive(sequence, 2, 5)
  expect(sequence).toEqual({ highWater: 5, gaps: [[3, 4]] })
})

test('a gap closes from its ends and from its middle', () => {
  const sequence = emptySequence()
  arrive(sequence, 10)
  expect(sequence.gaps).toEqual([[1, 9]])
  arrive(sequence, 1, 9, 5)
  expect(sequence.gaps).toEqual([
    [2, 4],
    [6, 8],
  ])
  arrive(sequence, 3, 2, 4, 7, 6, 8)
  expect(sequence).toEqual({ highWater: 10, gaps: [] })
})

test('the largest number that JavaScript can count to is one like any other', () => {
  const sequence = emptySequence()
  arrive(sequence, Number.MAX_SAFE_INTEGER)
  expect(sequence.gaps).toEqual([[1, Number.MAX_SAFE_INTEGER - 1]])
  arrive(sequence, Number.MAX_SAFE_INTEGER - 1)
  expect(covers(sequence, Number.MAX_SAFE_INTEGER - 1)).toBe(true)
})

function withMaxGaps(): Sequence {
  const sequence = emptySequence()
  for (let i = 1; i <= MAX_GAPS; i++) admit(sequence, i * 10)
  expect(sequence.gaps).toHaveLength(MAX_GAPS)
  return sequence
}

test('a number that would open a gap too many is refused, and has not arrived', () => {
  const sequence = withMaxGaps()
  expect(() => admit(sequence, MAX_GAPS * 10 + 2)).toThrow(HoldfastError)
  expect(sequence.highWater).toBe(MAX_GAPS * 10)
  expect(covers(sequence, MAX_GAPS * 10 + 2)).toBe(false)
  arrive(sequence, MAX_GAPS * 10 + 1)
  expect(sequence.gaps).toHaveLength(MAX_GAPS)
})

test('a source that numbers downwards cannot split one gap into more than the limit', () => {
  const sequence = withMaxGaps()
  expect(() => admit(sequence, 5)).toThrow(expect.objectContaining({ reason: 'QUOTA_EXCEEDED' }))
  expect(covers(sequence, 5)).toBe(false)
  expect(sequence.gaps).toHaveLength(MAX_GAPS)
  arrive(sequence, 1, 2, 3, 4, 5)
  expect(covers(sequence, 5)).toBe(true)
})

test('with the most gaps there may be, filling one makes room for the next', () => {
  const sequence = withMaxGaps()
  arrive(sequence, 1, 2, 3, 4, 5, 6, 7, 8, 9)
  arrive(sequence, MAX_GAPS * 10 + 2)
  expect(sequence.gaps).toHaveLength(MAX_GAPS)
})
