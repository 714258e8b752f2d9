import { status as Code, Metadata } from '@grpc/grpc-js'
import { Status } from '../../../proto/gen/google/rpc/status.ts'
import { HoldfastError, type Reason } from '../domain/error.ts'
import { cutToBytes } from './cut-to-bytes.ts'
import { statusDetails } from './status-details.ts'

const maxTextBytes = 768

/** What grpc-js takes as the end of a call. */
export interface GrpcStatus {
  code: Code
  details: string
  metadata: Metadata
}

/** The one place where a reason becomes a gRPC code. */
export function grpcCode(reason: Reason): Code {
  switch (reason) {
    case 'INVALID_REQUEST':
    case 'FILTER_INVALID':
    case 'PAGE_TOKEN_INVALID':
      return Code.INVALID_ARGUMENT
    case 'NOT_FOUND':
    case 'LEASE_EXPIRED':
      return Code.NOT_FOUND
    case 'SEQ_REUSED':
    case 'RUN_ID_REUSED':
    case 'REQUEST_ID_REUSED':
      return Code.ALREADY_EXISTS
    case 'EPOCH_CHANGED':
    case 'FACETS_DIFFER':
    case 'RUN_FINISHED':
    case 'LOCK_HELD':
    case 'BLOCKED':
      return Code.FAILED_PRECONDITION
    case 'ETAG_MISMATCH':
    case 'STALE_TOKEN':
      return Code.ABORTED
    case 'LOG_GAP':
    case 'REVISION_COMPACTED':
    case 'REVISION_AHEAD':
    case 'EVENT_TOO_OLD':
    case 'EVENT_IN_FUTURE':
      return Code.OUT_OF_RANGE
    case 'QUOTA_EXCEEDED':
      return Code.RESOURCE_EXHAUSTED
    case 'PERMISSION_DENIED':
      return Code.PERMISSION_DENIED
    case 'UNAUTHENTICATED':
      return Code.UNAUTHENTICATED
    case 'SERVER_DRAINING':
    case 'STORE_UNAVAILABLE':
      return Code.UNAVAILABLE
    case 'DEADLINE_EXCEEDED':
    case 'ACQUIRE_TIMED_OUT':
      return Code.DEADLINE_EXCEEDED
    case 'CANCELLED':
      return Code.CANCELLED
    case 'INTERNAL':
      return Code.INTERNAL
    default:
      return reason satisfies never
  }
}

/** The error as a `google.rpc.Status`, for answers that carry one, such as the refusal of a single event. */
export function rpcStatus(error: HoldfastError): Status {
  return {
    code: grpcCode(error.reason),
    message: cutToBytes(error.message, maxTextBytes),
    details: statusDetails(error),
  }
}

/** The error as the end of a call, with its `google.rpc.Status` in `grpc-status-details-bin`. */
export function grpcStatus(error: HoldfastError): GrpcStatus {
  const status = rpcStatus(error)
  const metadata = new Metadata()
  metadata.set('grpc-status-details-bin', Buffer.from(Status.encode(status).finish()))
  return { code: status.code, details: status.message, metadata }
}

/**
 * What a handler threw, as a HoldfastError. Anything else than one is INTERNAL, with a text that says nothing
 * of the cause: that is for the log.
 */
export function holdfastErrorOf(thrown: unknown, requestId: string): HoldfastError {
  if (thrown instanceof HoldfastError) return thrown
  // Node's own calls that take a signal throw an AbortError around its reason.
  if (thrown instanceof Error && thrown.name === 'AbortError' && thrown.cause instanceof HoldfastError) {
    return thrown.cause
  }
  return new HoldfastError(
    'INTERNAL',
    `internal error; the server's log tells more under request id ${requestId}`,
    {
      metadata: { requestId },
      cause: thrown,
    },
  )
}
