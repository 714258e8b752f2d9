import { expect, test } from 'vitest'
import type { Code } from './errors.ts'
import { Reopening } from './reopening.ts'
import { localStatus } from './status.ts'
import { TokenSource } from './token-source.ts'

function after(reopening: Reopening, code: Code, times = 1): number | undefined {
  let delayMs: number | undefined
  for (let time = 0; time < times; time++) delayMs = reopening.delayMs(localStatus(code, ''))
  return delayMs
}

test('a stream is opened again after what may pass, and not for ever after what is the server’s fault', () => {
  const tokens = new TokenSource('secret')
  expect(after(new Reopening(tokens), 'UNAVAILABLE', 1000)).toBeGreaterThanOrEqual(2500)
  expect(after(new Reopening(tokens), 'INVALID_ARGUMENT')).toBeUndefined()
  expect(after(new Reopening(tokens), 'OUT_OF_RANGE')).toBeUndefined()
  const reopening = new Reopening(tokens)
  expect(after(reopening, 'INTERNAL', 7)).toBeGreaterThan(0)
  reopening.heard()
  expect(after(reopening, 'INTERNAL', 7)).toBeGreaterThan(0)
  expect(after(reopening, 'INTERNAL')).toBeUndefined()
})

test('a refused token is replaced once, if there may be another, and again after something came', () => {
  expect(after(new Reopening(new TokenSource('secret')), 'UNAUTHENTICATED')).toBeUndefined()
  const tokens = new TokenSource(() => 'next')
  tokens.adopt('first')
  const reopening = new Reopening(tokens)
  expect(after(reopening, 'UNAUTHENTICATED')).toBeGreaterThan(0)
  expect(tokens.current).toBeUndefined()
  expect(after(reopening, 'UNAUTHENTICATED')).toBeUndefined()
  reopening.heard()
  expect(after(reopening, 'UNAUTHENTICATED')).toBeGreaterThan(0)
})

test('the server says when, if it says so', () => {
  const status = localStatus('UNAVAILABLE', 'draining')
  const details = { ...status.details, retryAfterMs: 9000 }
  expect(new Reopening(new TokenSource('secret')).delayMs({ ...status, details })).toBe(9000)
})
