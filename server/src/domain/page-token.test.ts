import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { HoldfastError } from './error.ts'
import { decodePageToken, encodePageToken, queryFingerprint } from './page-token.ts'

const fingerprint = queryFingerprint('ListMachines', { filter: 'arch = arm64', revision: 5n })
const reasonOf = (act: () => unknown): string => {
  try {
    act()
  } catch (error) {
    return (error as HoldfastError).reason
  }
  return 'none'
}

test('a token gives back its position', () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 1n << 63n }),
      fc.boolean(),
      fc.array(fc.string()),
      (revision, now, key) => {
        const token = encodePageToken(fingerprint, { revision, now, key })
        expect(token).toMatch(/^[A-Za-z0-9_-]+$/)
        expect(decodePageToken(token, fingerprint, key.length)).toEqual({ revision, now, key })
      },
    ),
  )
})

test('a token of another query is refused', () => {
  const token = encodePageToken(fingerprint, { revision: 7n, now: true, key: ['a'] })
  for (const other of [
    queryFingerprint('ListMachines', { filter: 'arch = arm64', revision: 6n }),
    queryFingerprint('ListServices', { filter: 'arch = arm64', revision: 5n }),
  ]) {
    expect(reasonOf(() => decodePageToken(token, other, 1))).toBe('PAGE_TOKEN_INVALID')
  }
})

test('garbage and damaged tokens are refused', () => {
  const token = encodePageToken(fingerprint, { revision: 7n, now: true, key: ['a'] })
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), fc.constant('A'.repeat(10_000))), (garbage) => {
      fc.pre(garbage !== token)
      expect(reasonOf(() => decodePageToken(garbage, fingerprint, 1))).toBe('PAGE_TOKEN_INVALID')
    }),
  )
  for (let at = 0; at < token.length - 1; at++) {
    const damaged = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1)
    expect(reasonOf(() => decodePageToken(damaged, fingerprint, 1))).toBe('PAGE_TOKEN_INVALID')
  }
})
