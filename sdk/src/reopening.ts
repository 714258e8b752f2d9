import { backoffMs, streamBackoff } from './backoff.ts'
import type { Code } from './errors.ts'
import type { FailedStatus } from './status.ts'
import type { TokenSource } from './token-source.ts'

/**
 * Whether a stream that ended with each code is opened again. Streams resume where they were, so all that may
 * pass by itself is worth another try: a proxy that cuts long streams answers with anything from CANCELLED to
 * INTERNAL.
 */
const reopened: Record<Code, boolean> = {
  OK: true,
  CANCELLED: true,
  UNKNOWN: true,
  INVALID_ARGUMENT: false,
  DEADLINE_EXCEEDED: true,
  NOT_FOUND: false,
  ALREADY_EXISTS: false,
  PERMISSION_DENIED: false,
  RESOURCE_EXHAUSTED: true,
  FAILED_PRECONDITION: false,
  ABORTED: true,
  OUT_OF_RANGE: false,
  UNIMPLEMENTED: false,
  INTERNAL: true,
  UNAVAILABLE: true,
  DATA_LOSS: false,
  UNAUTHENTICATED: false,
}

/** Failures in a row, with nothing received between them, after which the server itself is taken to be at fault. */
const patience = 8

/** Whether and when a stream that was cut off is opened again, of all streams that one purpose takes. */
export class Reopening {
  readonly #tokens: TokenSource
  /** Streams in a row that ended before anything came from them. */
  #failures = 0
  #renewed = false

  constructor(tokens: TokenSource) {
    this.#tokens = tokens
  }

  /** Something came. */
  heard(): void {
    this.#failures = 0
    this.#renewed = false
  }

  /**
   * A stream ended so: how long to wait before the next one, in milliseconds; undefined when that is final. A token
   * that was refused is replaced, once.
   */
  delayMs(status: FailedStatus): number | undefined {
    this.#failures++
    if (status.code === 'UNAUTHENTICATED' && this.#tokens.renewable && !this.#renewed) {
      this.#renewed = true
      this.#tokens.discard()
    } else if (!this.#reopens(status)) {
      return undefined
    }
    return Math.max(backoffMs(streamBackoff, this.#failures, Math.random()), status.details.retryAfterMs ?? 0)
  }

  #reopens({ code }: FailedStatus): boolean {
    const serversFault = code === 'INTERNAL' || code === 'UNKNOWN'
    return reopened[code] && !(serversFault && this.#failures >= patience)
  }
}
