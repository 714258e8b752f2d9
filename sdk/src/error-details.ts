import { BadRequest, ErrorInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts'
import { Status } from '../../proto/gen/google/rpc/status.ts'

/** A field of a request that breaks a rule. */
export interface FieldViolation {
  /** Its path, such as `events[3].payload.instance_started.service`. */
  field: string
  /** The rule, and what would satisfy it. */
  description: string
}

/** What a `google.rpc.Status` says beyond code and text. */
export interface ErrorDetails {
  reason: string | undefined
  metadata: Record<string, string>
  violations: FieldViolation[]
  retryAfterMs: number | undefined
  /** Details of other kinds, for who knows them. */
  others: { typeUrl: string; value: Uint8Array }[]
}

/** The trailer that carries the details. */
export const detailsKey = 'grpc-status-details-bin'

/** The details in a trailer; empty when it is missing or is not what it should be. */
export function detailsFromTrailer(trailer: string | Buffer | undefined): ErrorDetails {
  if (trailer === undefined) return detailsOfStatus(undefined)
  try {
    return detailsOfStatus(Status.decode(Buffer.from(trailer)))
  } catch {
    // A proxy may put anything there. The code and the text of the status still stand.
    return detailsOfStatus(undefined)
  }
}

/** The details of a status, such as that of a refused event. */
export function detailsOfStatus(status: Status | undefined): ErrorDetails {
  const found: ErrorDetails = {
    reason: undefined,
    metadata: {},
    violations: [],
    retryAfterMs: undefined,
    others: [],
  }
  for (const { typeUrl, value } of status?.details ?? []) {
    switch (typeUrl.slice(typeUrl.lastIndexOf('/') + 1)) {
      case 'google.rpc.ErrorInfo': {
        const info = ErrorInfo.decode(value)
        found.reason = info.reason
        found.metadata = info.metadata
        break
      }
      case 'google.rpc.BadRequest':
        for (const { field, description } of BadRequest.decode(value).fieldViolations) {
          found.violations.push({ field, description })
        }
        break
      case 'google.rpc.RetryInfo': {
        const delay = RetryInfo.decode(value).retryDelay
        if (delay) found.retryAfterMs = Number(delay.seconds) * 1000 + delay.nanos / 1_000_000
        break
      }
      default:
        found.others.push({ typeUrl, value })
    }
  }
  return found
}
