import type { Code } from './errors.ts'
import type { FailedStatus } from './status.ts'

/**
 * Whether a stream that ended with each code is opened again. Streams resume where they were, so all that may
 * pass by itself is worth another try: a proxy that cuts long streams answers with anything from CANCELLED to
 * INTERNAL.
 */
const reopening: Record<Code, boolean> = {
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

/**
 * True when a stream that ended so may be opened again.
 *
 * @param failures how many streams in a row ended before anything came from them, this one included
 */
export function reopens(status: FailedStatus, failures: number): boolean {
  const serversFault = status.code === 'INTERNAL' || status.code === 'UNKNOWN'
  return reopening[status.code] && !(serversFault && failures >= patience)
}
