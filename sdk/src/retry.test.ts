import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffMs, streamBackoff } from './backoff.ts'
import { codeNames } from './errors.ts'
import { retryDelayMs } from './retry.ts'
import { localStatus } from './status.ts'

const attempted = {
  status: localStatus('UNAVAILABLE', 'away'),
  idempotencyLevel: 'IDEMPOTENT' as const,
  attempts: 1,
  maxAttempts: 5,
  remainingMs: 10_000,
  random: 0.5,
}

test('only UNAVAILABLE is tried again', () => {
  for (const code of codeNames) {
    const delay = retryDelayMs({ ...attempted, status: localStatus(code, '') })
    expect(delay !== undefined).toBe(code === 'UNAVAILABLE')
  }
})

test('a method that may not be called twice is not', () => {
  expect(retryDelayMs({ ...attempted, idempotencyLevel: undefined })).toBeUndefined()
  expect(retryDelayMs({ ...attempted, idempotencyLevel: 'NO_SIDE_EFFECTS' })).toBe(75)
})

test('never beyond the attempts or the deadline, never before the server asks', () => {
  const cases = fc.record({
    attempts: fc.integer({ min: 1, max: 12 }),
    maxAttempts: fc.integer({ min: 1, max: 10 }),
    remainingMs: fc.integer({ min: -10, max: 5000 }),
    retryAfterMs: fc.option(fc.nat(5000), { nil: undefined }),
    random: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  fc.assert(
    fc.property(cases, ({ retryAfterMs, ...rest }) => {
      const status = { ...attempted.status, details: { ...attempted.status.details, retryAfterMs } }
      const delay = retryDelayMs({ ...attempted, ...rest, status })
      if (delay === undefined) return
      expect(rest.attempts).toBeLessThan(rest.maxAttempts)
      expect(delay).toBeLessThan(rest.remainingMs)
      expect(delay).toBeGreaterThanOrEqual(retryAfterMs ?? 0)
    }),
  )
})

test('waits grow to their limit, between half and whole', () => {
  const spans = [1, 2, 3, 6, 7, 50].map((n) => [
    backoffMs(streamBackoff, n, 0),
    backoffMs(streamBackoff, n, 1),
  ])
  expect(spans).toEqual([
    [50, 100],
    [100, 200],
    [200, 400],
    [1600, 3200],
    [2500, 5000],
    [2500, 5000],
  ])
})
