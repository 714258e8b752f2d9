import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'

/** A point in time as microseconds since the Unix epoch: PostgreSQL's own resolution, so nothing is lost. */
export type Instant = bigint & { readonly __brand: 'Instant' }

/** The `observedAt` of what was never seen, only spoken of. Stored as 1970-01-01. */
export const NEVER = 0n as Instant

export const instantFromTimestamp = (time: Timestamp): Instant =>
  (time.seconds * 1_000_000n + BigInt(Math.trunc(time.nanos / 1000))) as Instant

export function timestampFromInstant(instant: Instant): Timestamp {
  const micros = ((instant % 1_000_000n) + 1_000_000n) % 1_000_000n
  return { seconds: (instant - micros) / 1_000_000n, nanos: Number(micros) * 1000 }
}

export const instantFromDate = (date: Date): Instant => (BigInt(date.getTime()) * 1000n) as Instant

export const dateFromInstant = (instant: Instant): Date => new Date(Number(instant / 1000n))

export const earlier = (a: Instant, b: Instant): Instant => (a < b ? a : b)

export const addMilliseconds = (instant: Instant, milliseconds: number): Instant =>
  (instant + BigInt(milliseconds) * 1000n) as Instant

export const DAY_MS = 86_400_000
