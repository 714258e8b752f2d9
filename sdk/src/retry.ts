import { type Backoff, backoffMs, callBackoff } from './backoff.ts'
import type { FailedStatus } from './status.ts'

/** What the contract says of calling a method twice. */
export type IdempotencyLevel = 'NO_SIDE_EFFECTS' | 'IDEMPOTENT' | undefined

/** How a call stands after an attempt failed. */
export interface Attempted {
  status: FailedStatus
  idempotencyLevel: IdempotencyLevel
  /** Attempts made, this one included. */
  attempts: number
  maxAttempts: number
  /** Until the call's deadline, in milliseconds. */
  remainingMs: number
  /** Between 0 and 1. */
  random: number
}

/**
 * How long to wait before the next attempt, in milliseconds; undefined when there is none.
 *
 * Only UNAVAILABLE is tried again (AIP-194), and only on methods that may be called twice. The server's
 * RetryInfo is kept to, with up to a fifth on top so that all do not come back at once. A wait that ends after
 * the deadline is not begun, for the attempt could not be made.
 */
export function retryDelayMs(attempted: Attempted, backoff: Backoff = callBackoff): number | undefined {
  const { status, attempts, remainingMs } = attempted
  if (status.code !== 'UNAVAILABLE' || attempted.idempotencyLevel === undefined) return undefined
  if (attempts >= attempted.maxAttempts) return undefined
  const asked = (status.details.retryAfterMs ?? 0) * (1 + attempted.random / 5)
  const delay = Math.max(backoffMs(backoff, attempts, attempted.random), asked)
  return delay < remainingMs ? delay : undefined
}
