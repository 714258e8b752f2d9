import type { IncomingHttpHeaders } from 'node:http'
import type { CallContext } from './handler.ts'

/** What came to a door: the bytes as they were sent. */
export interface DoorRequest {
  /** Names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** What stands behind the `?`. */
  readonly query: URLSearchParams
  readonly body: Buffer
}

export interface DoorAnswer {
  /** The HTTP status. */
  readonly status: number
  /** Sent as JSON. Undefined: an empty body. */
  readonly json?: unknown
}

/**
 * A path of the HTTP listener for a tool that speaks a format of its own, such as Chef's data collector. Its caller
 * is known before the handler runs; what the handler throws is told as for any call.
 */
export interface Door {
  /** Whole, such as `/chef/data-collector`. */
  readonly path: string
  /** The most bytes of a body. A longer one is refused with 413 before the handler sees it. */
  readonly maxBytes: number
  /** A header that may bring the token in place of `authorization: Bearer …`, for tools that cannot send that. */
  readonly tokenHeader?: string
  readonly handle: (request: DoorRequest, context: CallContext) => Promise<DoorAnswer>
}
