import type { Blocker } from '../../../proto/gen/holdfast/v1/lock.ts'

/** A field of a request that breaks a rule. `field` is its path, `description` says what would do. */
export interface FieldViolation {
  field: string
  description: string
}

/**
 * Every way in which Holdfast refuses. Stable: clients act on them. What gRPC code each one becomes is the
 * transport's business.
 */
export type Reason =
  | 'INVALID_REQUEST'
  | 'FILTER_INVALID'
  | 'PAGE_TOKEN_INVALID'
  | 'NOT_FOUND'
  | 'ETAG_MISMATCH'
  | 'REVISION_COMPACTED'
  | 'REVISION_AHEAD'
  | 'EPOCH_CHANGED'
  | 'FACETS_DIFFER'
  | 'SEQ_REUSED'
  | 'LOCK_HELD'
  | 'BLOCKED'
  | 'ACQUIRE_TIMED_OUT'
  | 'LEASE_EXPIRED'
  | 'STALE_TOKEN'
  | 'REQUEST_ID_REUSED'
  | 'PERMISSION_DENIED'
  | 'EVENT_TOO_OLD'
  | 'EVENT_IN_FUTURE'
  | 'RUN_ID_REUSED'
  | 'RUN_FINISHED'
  | 'LOG_GAP'
  | 'QUOTA_EXCEEDED'
  | 'UNAUTHENTICATED'
  | 'SERVER_DRAINING'
  | 'STORE_UNAVAILABLE'
  | 'DEADLINE_EXCEEDED'
  | 'CANCELLED'
  | 'INTERNAL'

export interface HoldfastErrorOptions {
  /** Values that the message mentions, by lowerCamelCase key. */
  metadata?: Record<string, string>
  /** For INVALID_REQUEST: everything that is wrong, at once. */
  violations?: FieldViolation[]
  /** For what locks, holds and conditions refuse: what is in the way. */
  blockers?: readonly Blocker[]
  /** How many these are. @defaultValue as many as are given */
  totalBlockers?: number
  /** For what passes by itself: try again after this long. */
  retryAfterMs?: number
  cause?: unknown
}

/** The one error of the server. The message says what is wrong and what to do next. */
export class HoldfastError extends Error {
  readonly reason: Reason
  readonly metadata: Record<string, string>
  readonly violations: FieldViolation[]
  readonly blockers: readonly Blocker[]
  readonly totalBlockers: number
  readonly retryAfterMs: number | undefined

  constructor(reason: Reason, message: string, options: HoldfastErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'HoldfastError'
    this.reason = reason
    this.metadata = options.metadata ?? {}
    this.violations = options.violations ?? []
    this.blockers = options.blockers ?? []
    this.totalBlockers = options.totalBlockers ?? this.blockers.length
    this.retryAfterMs = options.retryAfterMs
  }
}

/** INVALID_REQUEST with all violations, of which there is one at least. */
export function invalidRequest(violations: FieldViolation[]): HoldfastError {
  const first = violations[0]!
  const more = violations.length > 1 ? ` (and ${violations.length - 1} more)` : ''
  return new HoldfastError('INVALID_REQUEST', `${first.field}: ${first.description}${more}`, { violations })
}

/** Throws INVALID_REQUEST with all violations that were found, if there are any. */
export function refuseViolations(found: readonly (FieldViolation | undefined)[]): void {
  const violations = found.filter((violation) => violation !== undefined)
  if (violations.length > 0) throw invalidRequest(violations)
}

/** NOT_FOUND of a resource, with what to do next; `at` is where it was looked for, if not now alone. */
export function notFound(name: string, hint: string, at?: { revision: bigint; now: boolean }): HoldfastError {
  const then = at === undefined || at.now ? '' : ` at revision ${at.revision}`
  return new HoldfastError('NOT_FOUND', `there is no ${name}${then}; ${hint}`, {
    metadata: { resource: name, ...(at !== undefined && { revision: String(at.revision) }) },
  })
}
