import { expect, test } from 'vitest'
import { InvalidRequestError } from '../errors.ts'
import { type FencingToken, fenceText, parseFence } from './fencing-token.ts'

test('a fence is read as it was written', () => {
  const parts = { ledgerEpoch: 3n, fencingToken: 18446744073709551615n as FencingToken, lock: 'locks/a-1' }
  expect(fenceText(parts)).toBe('3:18446744073709551615:a-1')
  expect(parseFence(fenceText(parts))).toEqual(parts)
})

test('what is no fence is refused', () => {
  for (const text of ['', '1:2', '1:2:', '-1:2:a', '1:2:a b', '1:2:a:b', 'x:2:a']) {
    expect(() => parseFence(text), text).toThrow(InvalidRequestError)
  }
})
