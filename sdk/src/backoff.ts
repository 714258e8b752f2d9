/** How waits between attempts grow. */
export interface Backoff {
  /** The wait after the first failure, in milliseconds. */
  initialMs: number
  /** No wait is longer, in milliseconds. */
  maxMs: number
  /** What each wait is multiplied by. */
  factor: number
}

/** Between the attempts of a unary call. */
export const callBackoff: Backoff = { initialMs: 100, maxMs: 2000, factor: 2 }

/** Between the reconnects of a stream. */
export const streamBackoff: Backoff = { initialMs: 100, maxMs: 5000, factor: 2 }

/**
 * The wait after the `failures`-th failure in a row (from 1), in milliseconds: between half and the whole of
 * the grown wait, so that clients that failed together do not come back together.
 *
 * @param random between 0 and 1
 */
export function backoffMs(backoff: Backoff, failures: number, random: number): number {
  const grown = Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** (failures - 1))
  return Math.round(grown * (0.5 + random / 2))
}
