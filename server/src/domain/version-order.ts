import { compareText } from './filter/text-order.ts'

/**
 * Orders versions as people read them: numbers by value (`1.10` after `1.9`, `20110502` after `20110501`),
 * other parts by code point, a longer version after its beginning, but a pre-release (`1.0-rc1`, `1.0~beta`)
 * before what it leads to. What then still differs (separators, build metadata after `+`) goes by code point.
 * Zero only for texts that are equal but for a `v` before a number. Never throws.
 */
export function compareVersions(a: string, b: string): number {
  if (a === b) return 0
  const [x, y] = [a, b].map((version) => version.replace(/^[vV](?=[0-9])/, '')) as [string, string]
  return compareParts(partsOf(x), partsOf(y)) || compareText(x, y)
}

type Part = { rank: number; number: bigint; text: string }

/** Ranks of what may follow at one place: a pre-release mark, the end, a word, a number. */
const Rank = { preRelease: 0, end: 1, word: 2, number: 3 } as const
const END: Part = { rank: Rank.end, number: 0n, text: '' }

function partsOf(version: string): Part[] {
  const core = version.replace(/\+.*$/s, '')
  const parts: Part[] = []
  for (const [, mark, digits, word] of core.matchAll(/([-~])?(?:([0-9]+)|([^0-9.~_-]+))/gs)) {
    const before = mark === '~' || (mark === '-' && word !== undefined)
    if (before) parts.push({ rank: Rank.preRelease, number: 0n, text: '' })
    if (digits === undefined) parts.push({ rank: Rank.word, number: 0n, text: word! })
    else parts.push({ rank: Rank.number, number: BigInt(digits), text: '' })
  }
  return parts
}

function compareParts(a: Part[], b: Part[]): number {
  const length = Math.max(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a[i] ?? END
    const y = b[i] ?? END
    if (x.rank !== y.rank) return x.rank - y.rank
    if (x.number !== y.number) return x.number < y.number ? -1 : 1
    const order = compareText(x.text, y.text)
    if (order !== 0) return order
  }
  return 0
}
