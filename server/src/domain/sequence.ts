import { HoldfastError } from './error.ts'

/** First and last missing seq, both included. */
export type Gap = [first: number, last: number]

/** The most holes a numbering may have. More means that numbers are made up, and would cost memory without end. */
export const MAX_GAPS = 1000

/** What of one numbering (source × epoch) has arrived: everything up to `highWater` but the gaps. */
export interface Sequence {
  highWater: number
  /** Ascending, disjoint, not touching. */
  gaps: Gap[]
}

export const emptySequence = (): Sequence => ({ highWater: 0, gaps: [] })

/** Whether `seq` has arrived before. */
export function covers(sequence: Sequence, seq: number): boolean {
  return seq <= sequence.highWater && gapIndex(sequence.gaps, seq) === -1
}

/** Notes the arrival of `seq`, which has not arrived before. Refuses one that would open too many gaps. */
export function admit(sequence: Sequence, seq: number): void {
  const { gaps, highWater } = sequence
  if (seq > highWater) {
    if (seq > highWater + 1) {
      if (gaps.length >= MAX_GAPS) throw tooManyGaps(gaps, seq)
      gaps.push([highWater + 1, seq - 1])
    }
    sequence.highWater = seq
    return
  }
  const index = gapIndex(gaps, seq)
  if (index === -1) return
  const [first, last] = gaps[index]!
  const rest: Gap[] = []
  if (first < seq) rest.push([first, seq - 1])
  if (seq < last) rest.push([seq + 1, last])
  if (gaps.length - 1 + rest.length > MAX_GAPS) throw tooManyGaps(gaps, seq)
  gaps.splice(index, 1, ...rest)
}

function tooManyGaps(gaps: Gap[], seq: number): HoldfastError {
  const firstMissing = gaps[0]![0]
  return new HoldfastError(
    'QUOTA_EXCEEDED',
    `seq ${seq} would open more than ${MAX_GAPS} gaps in this numbering; send what is missing first, beginning at ${firstMissing}, or begin a new epoch`,
    { metadata: { firstMissing: String(firstMissing) }, retryAfterMs: 1000 },
  )
}

/** The index of the gap that holds `seq`, or -1. */
function gapIndex(gaps: Gap[], seq: number): number {
  let low = 0
  let high = gaps.length - 1
  while (low <= high) {
    const middle = (low + high) >> 1
    const [first, last] = gaps[middle]!
    if (seq < first) high = middle - 1
    else if (seq > last) low = middle + 1
    else return middle
  }
  return -1
}
