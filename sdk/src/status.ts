import type { Metadata } from '@grpc/grpc-js'
import type { RefusedEvent } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { detailsFromTrailer, detailsKey, detailsOfStatus, type ErrorDetails } from './error-details.ts'
import {
  type Code,
  CompactedError,
  ConflictError,
  codeNames,
  DeadlineExceededError,
  EpochChangedError,
  EventRefusedError,
  HoldfastError,
  type HoldfastErrorOptions,
  InvalidRequestError,
  NotFoundError,
  PermissionDeniedError,
  QuotaExceededError,
  RevisionAheadError,
  UnauthenticatedError,
  UnavailableError,
} from './errors.ts'

/** How a call ended when it did not end well. */
export interface FailedStatus {
  code: Code
  text: string
  details: ErrorDetails
}

/** A failed status of what grpc-js gives. */
export function failedStatus(status: { code: number; details: string; metadata?: Metadata }): FailedStatus {
  return {
    code: codeNames[status.code] ?? 'UNKNOWN',
    text: plainly(status.details),
    details: detailsFromTrailer(status.metadata?.get(detailsKey)[0]),
  }
}

/** Takes the wrapping off a failure to dial. */
function plainly(text: string): string {
  const dial = /^No connection established\. Last error: (?:Error: )?(.*?)(?:\. Resolution note:.*)?$/s.exec(
    text,
  )
  return dial ? `no connection: ${dial[1]}` : text
}

/** A failed status that the client found by itself. */
export function localStatus(code: Code, text: string): FailedStatus {
  return { code, text, details: detailsFromTrailer(undefined) }
}

type ErrorClass = new (detail: string, options: HoldfastErrorOptions) => HoldfastError

const byReason: Record<string, ErrorClass> = {
  REVISION_COMPACTED: CompactedError,
  REVISION_AHEAD: RevisionAheadError,
  EPOCH_CHANGED: EpochChangedError,
}

const byCode: Record<Code, ErrorClass> = {
  OK: HoldfastError,
  CANCELLED: HoldfastError,
  UNKNOWN: HoldfastError,
  INVALID_ARGUMENT: InvalidRequestError,
  DEADLINE_EXCEEDED: DeadlineExceededError,
  NOT_FOUND: NotFoundError,
  ALREADY_EXISTS: HoldfastError,
  PERMISSION_DENIED: PermissionDeniedError,
  RESOURCE_EXHAUSTED: QuotaExceededError,
  FAILED_PRECONDITION: HoldfastError,
  ABORTED: ConflictError,
  OUT_OF_RANGE: HoldfastError,
  UNIMPLEMENTED: HoldfastError,
  INTERNAL: HoldfastError,
  UNAVAILABLE: UnavailableError,
  DATA_LOSS: HoldfastError,
  UNAUTHENTICATED: UnauthenticatedError,
}

/**
 * The typed error of a status. Make it inside the async function that the caller awaits: then its stack goes
 * back to the caller, which a stack begun in a socket's event does not.
 *
 * @param text what the error says, when that is more than the status does
 */
export function errorOfStatus(status: FailedStatus, text: string = status.text): HoldfastError {
  const { reason, metadata, violations, retryAfterMs } = status.details
  const type = (reason && byReason[reason]) || byCode[status.code]
  return new type(text, { code: status.code, reason, metadata, violations, retryAfterMs })
}

/** The error of an event that the server refused for good. */
export function errorOfRefusedEvent(refused: RefusedEvent): EventRefusedError {
  const details = detailsOfStatus(refused.status)
  return new EventRefusedError(`event ${refused.id}: ${refused.status?.message ?? 'refused'}`, {
    code: codeNames[refused.status?.code ?? 2] ?? 'UNKNOWN',
    reason: details.reason ?? 'EVENT_REFUSED',
    metadata: { ...details.metadata, eventId: refused.id, eventSeq: String(refused.seq) },
    violations: details.violations,
    retryAfterMs: details.retryAfterMs,
  })
}
