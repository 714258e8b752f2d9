import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LeaseClock, marginMs } from './lease-clock.ts'

const second = 1_000_000_000n

test('L4: the deadline is the send time of the last acknowledged beat and the TTL, less a margin', () => {
  const clock = new LeaseClock(30_000)
  clock.acknowledge(100n * second)
  expect(clock.remainingMs(100n * second)).toBe(27_000)
  expect(clock.untilRiskMs(114n * second)).toBe(1000)
  expect(clock.untilRiskMs(115n * second)).toBe(0)
  expect(clock.remainingMs(127n * second)).toBe(0)
})

test('an acknowledgement that comes late does not take the deadline back', () => {
  const clock = new LeaseClock(10_000)
  clock.acknowledge(20n * second)
  clock.acknowledge(10n * second)
  expect(clock.remainingMs(20n * second)).toBe(9000)
})

test('both ends of the memory see the same clock', () => {
  const holder = new LeaseClock(10_000)
  new LeaseClock(10_000, holder.memory).acknowledge(7n * second)
  expect(holder.remainingMs(7n * second)).toBe(9000)
})

test('a lease is at risk before it is lost, and lost before its TTL, whatever its TTL', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1000, max: 86_400_000 }), (ttlMs) => {
      expect(marginMs(ttlMs)).toBeGreaterThanOrEqual(Math.min(500, ttlMs / 4))
      expect(ttlMs / 2).toBeLessThan(ttlMs - marginMs(ttlMs))
    }),
  )
})
