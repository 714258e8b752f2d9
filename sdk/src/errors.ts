import type { FieldViolation } from './error-details.ts'

/** The gRPC status codes, by name. */
export type Code = (typeof codeNames)[number]

export const codeNames = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const

/** What a {@link HoldfastError} is made of. */
export interface HoldfastErrorOptions {
  code: Code
  /** A stable UPPER_SNAKE name of what is wrong. @defaultValue `code` */
  reason?: string | undefined
  metadata?: Record<string, string> | undefined
  violations?: FieldViolation[] | undefined
  retryAfterMs?: number | undefined
  cause?: unknown
}

const kindsKey: unique symbol = Symbol.for('@holdfast/sdk/error-kinds')

/**
 * Every failure that the server or the connection answers with. Its subclasses are the outcomes that a caller
 * can act on. `instanceof` also holds between two copies of this package.
 *
 * The message begins with the reason in brackets; `detail` is the text without it.
 */
export class HoldfastError extends Error {
  /** The name that `instanceof` goes by. Stable. */
  static readonly kind: string = 'HoldfastError'

  /** The gRPC status code. */
  readonly code: Code
  /** A stable UPPER_SNAKE name of what is wrong, such as `REVISION_COMPACTED`. Act on this, not on the text. */
  readonly reason: string
  /** The message without the reason in brackets. */
  readonly detail: string
  /** Values that the text mentions, by lowerCamelCase key. */
  readonly metadata: Readonly<Record<string, string>>
  /** Every field of the request that breaks a rule; empty unless the request is at fault. */
  readonly violations: readonly FieldViolation[]
  /** When to try again, in milliseconds, if the server said. */
  readonly retryAfterMs: number | undefined

  constructor(detail: string, options: HoldfastErrorOptions) {
    const reason = options.reason ?? options.code
    const cause = options.cause === undefined ? undefined : { cause: options.cause }
    super(`[${reason.toLowerCase().replaceAll('_', ' ')}] ${detail}`, cause)
    this.name = new.target.kind
    this.code = options.code
    this.reason = reason
    this.detail = detail
    this.metadata = options.metadata ?? {}
    this.violations = options.violations ?? []
    this.retryAfterMs = options.retryAfterMs
  }

  /** @internal The kinds that this error is, its own first. */
  get [kindsKey](): string[] {
    const kinds: string[] = []
    for (let type = this.constructor as typeof HoldfastError; type.kind; type = Object.getPrototypeOf(type)) {
      kinds.push(type.kind)
    }
    return kinds
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: the subclass that stands right of `instanceof`
    return isOfKind(this, value)
  }
}

function isOfKind(type: typeof HoldfastError, value: unknown): boolean {
  if (Function.prototype[Symbol.hasInstance].call(type, value)) return true
  if (!Object.hasOwn(type, 'kind') || typeof value !== 'object' || value === null) return false
  const kinds: unknown = Reflect.get(value, kindsKey)
  return Array.isArray(kinds) && kinds.includes(type.kind)
}

/** The resource does not exist, or did not at that time. */
export class NotFoundError extends HoldfastError {
  static override readonly kind: string = 'NotFoundError'
}

/** The request breaks a rule; `violations` lists every field at fault, if fields are. Trying again is no use. */
export class InvalidRequestError extends HoldfastError {
  static override readonly kind: string = 'InvalidRequestError'
}

/** The revision or time is older than what the server keeps (REVISION_COMPACTED). Begin from a snapshot. */
export class CompactedError extends HoldfastError {
  static override readonly kind: string = 'CompactedError'
}

/** The revision or time has not come yet at this server (REVISION_AHEAD). */
export class RevisionAheadError extends HoldfastError {
  static override readonly kind: string = 'RevisionAheadError'
}

/**
 * The ledger is not the one that the position came from (EPOCH_CHANGED): its database was restored or failed
 * over, and revisions may be lost. Forget what was read, and begin from a snapshot.
 */
export class EpochChangedError extends HoldfastError {
  static override readonly kind: string = 'EpochChangedError'
}

/** The resource changed since it was read (ETAG_MISMATCH). Read it again, then decide again. */
export class ConflictError extends HoldfastError {
  static override readonly kind: string = 'ConflictError'
}

/** The token is missing or not known, or could not be got. */
export class UnauthenticatedError extends HoldfastError {
  static override readonly kind: string = 'UnauthenticatedError'
}

/** The token is known, and may not do this. */
export class PermissionDeniedError extends HoldfastError {
  static override readonly kind: string = 'PermissionDeniedError'
}

/** A limit of the server is reached, which passes: after `retryAfterMs` where the server knows when. */
export class QuotaExceededError extends HoldfastError {
  static override readonly kind: string = 'QuotaExceededError'
}

/** The server cannot be reached, is going down, or has lost its database; all retries were used. */
export class UnavailableError extends HoldfastError {
  static override readonly kind: string = 'UnavailableError'
}

/** The call took longer than `timeoutMs`, retries included. A write may have been done all the same. */
export class DeadlineExceededError extends HoldfastError {
  static override readonly kind: string = 'DeadlineExceededError'
}

/** The server refuses an event for good; its neighbours landed. `metadata.eventId` says which. */
export class EventRefusedError extends HoldfastError {
  static override readonly kind: string = 'EventRefusedError'
}

/** The client was closed before or during the call. */
export class ClientClosedError extends HoldfastError {
  static override readonly kind: string = 'ClientClosedError'

  constructor(detail = 'this client is closed') {
    super(detail, { code: 'CANCELLED', reason: 'CLIENT_CLOSED' })
  }
}
