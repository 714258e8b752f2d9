import type { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts'

declare const revisionBrand: unique symbol

/**
 * A place in the one order of all changes: everything up to it is in the state. Dense, never used twice.
 * A `bigint` that does not mix with others; make one with {@link revision}.
 */
export type Revision = bigint & { readonly [revisionBrand]: 'Revision' }

/**
 * Makes a revision of a number, or of its decimal text.
 *
 * @throws RangeError when it is not a whole number from 0 to 2^64 - 1.
 */
export function revision(value: bigint | number | string): Revision {
  const number = typeof value === 'string' && !/^\d+$/.test(value) ? undefined : safeBigInt(value)
  if (number === undefined || number < 0n || number >= 1n << 64n) {
    throw new RangeError(`${String(value)} is not a revision: a whole number from 0 to 2^64 - 1`)
  }
  return number as Revision
}

function safeBigInt(value: bigint | number | string): bigint | undefined {
  return typeof value === 'number' && !Number.isSafeInteger(value) ? undefined : BigInt(value)
}

/** The instant that a read answers for: a time by the server's clock, or a revision. */
export type AsOf = Date | Revision

/** The fields of a request that say as of when. */
export function asOfFields(asOf: AsOf | undefined): { readTime: Timestamp | undefined; revision: bigint } {
  if (asOf === undefined) return { readTime: undefined, revision: 0n }
  if (typeof asOf === 'bigint') return { readTime: undefined, revision: asOf }
  return { readTime: timestampFromDate(asOf), revision: 0n }
}

/**
 * A time as the protocol carries it.
 *
 * @throws RangeError when the date is not valid.
 */
export function timestampFromDate(date: Date): Timestamp {
  const ms = date.getTime()
  if (Number.isNaN(ms)) throw new RangeError('not a valid date')
  const seconds = Math.floor(ms / 1000)
  return { seconds: BigInt(seconds), nanos: (ms - seconds * 1000) * 1_000_000 }
}

/** A time of the protocol as a Date, cut to the millisecond. Never order by it: order by revision. */
export function dateFromTimestamp(timestamp: Timestamp): Date {
  return new Date(Number(timestamp.seconds) * 1000 + Math.floor(timestamp.nanos / 1_000_000))
}
