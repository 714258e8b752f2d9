import type { Duration } from '../../proto/gen/google/protobuf/duration.ts'
import { InvalidRequestError } from './errors.ts'

/**
 * Milliseconds as the protocol carries them; undefined stays so.
 *
 * @throws InvalidRequestError when it is no length of time.
 */
export function durationOf(field: string, ms: number | undefined): Duration | undefined {
  if (ms === undefined) return undefined
  if (!(ms >= 0 && Number.isFinite(ms))) {
    throw new InvalidRequestError(`${field} is a number of milliseconds from 0, not ${ms}`, {
      code: 'INVALID_ARGUMENT',
      reason: 'INVALID_REQUEST',
    })
  }
  const nanos = BigInt(Math.round(ms * 1e6))
  return { seconds: nanos / 1_000_000_000n, nanos: Number(nanos % 1_000_000_000n) }
}

/** A length of time of the protocol, in nanoseconds. */
export const nanosOf = ({ seconds, nanos }: Duration): bigint => seconds * 1_000_000_000n + BigInt(nanos)
