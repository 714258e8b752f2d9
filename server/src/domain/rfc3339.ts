import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import type { FieldViolation } from './error.ts'
import { type Instant, instantFromTimestamp } from './instant.ts'

const RFC3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))$/

/** The years that PostgreSQL and RFC 3339 both know: 1 to 9999. */
const FIRST = -62_135_596_800_000_000n
const LAST = 253_402_300_799_999_999n

/** Whether a time lies in the years that can be stored and written. */
export const isWritable = (instant: Instant): boolean => instant >= FIRST && instant <= LAST

/** A time as a client sent it, if it sent one. One that cannot be written would break every later read of it. */
export function timeViolation(field: string, time: Timestamp | undefined): FieldViolation | undefined {
  if (time === undefined) return undefined
  const valid = time.nanos >= 0 && time.nanos <= 999_999_999 && isWritable(instantFromTimestamp(time))
  return valid
    ? undefined
    : { field, description: 'must be a time in the years 1 to 9999, its nanos 0 to 999999999' }
}

/** The time in an RFC 3339 text, cut to microseconds; undefined when it is none, or not in the years 1 to 9999. */
export function parseRfc3339(text: string): Instant | undefined {
  const match = text.length <= 40 ? RFC3339.exec(text) : null
  if (match === null) return undefined
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const offsetHours = Number(match[9] ?? 0)
  const offsetMinutes = Number(match[10] ?? 0)
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  // A day that the month does not have rolls over into the next.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day || month < 1) return undefined
  date.setUTCHours(hour, minute, second)
  const micros = BigInt((match[7] ?? '').padEnd(6, '0').slice(0, 6))
  const offset = BigInt((match[8] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes)) * 60_000_000n
  const instant = (BigInt(date.getTime()) * 1000n + micros - offset) as Instant
  return isWritable(instant) ? instant : undefined
}

/**
 * A time in RFC 3339 with microseconds, in UTC: what PostgreSQL reads as `timestamptz` without loss. One outside the
 * years 1 to 9999 is written as the nearest that is within: such a time may be stored, and must not break who reads.
 */
export function formatRfc3339(time: Instant): string {
  const instant = time < FIRST ? FIRST : time > LAST ? LAST : time
  const micros = ((instant % 1_000_000n) + 1_000_000n) % 1_000_000n
  const seconds = new Date(Number((instant - micros) / 1000n)).toISOString().slice(0, 19)
  return `${seconds}.${String(micros).padStart(6, '0')}Z`
}
