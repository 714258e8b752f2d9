import { Lock_Mode } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { AcquireLockRequest } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import type { CallOptions } from '../connect-options.ts'
import { durationOf } from '../duration.ts'
import { uuidV7 } from '../uuid.ts'
import type { ReleaseRequested } from './acquired-lock.ts'
import type { Blocker } from './blocker.ts'
import { type ScopeInput, scopeOf } from './scope.ts'
import { noSecret } from './session-call.ts'

/** How a request waits. */
export interface QueuedUpdate {
  /** How many requests that it must wait for are before it; 1 is next. */
  place: number
  /** What is in the way: a new epoch, at most 100 locks, 100 delays, and the next 10 that wait. */
  blockers: Blocker[]
  /** How many there are. */
  totalBlockers: number
}

/** What acquiring a lock takes. */
export interface AcquireOptions extends Omit<CallOptions, 'maxAttempts'> {
  /**
   * How long the lock lasts when this client is not heard of: 1 s to 24 h. Locks of one client with the same TTL
   * share a lease. @defaultValue 30,000
   */
  ttlMs?: number | undefined
  /** How long to wait for it, kept by the server: up to 24 h. 0: not at all. @defaultValue 0 */
  waitMs?: number | undefined
  /** Why, in words, for whoever is blocked by it: up to 4 KiB. */
  reason?: string | undefined
  /** Who else may hold what overlaps: nobody, or others that are `shared`. @defaultValue `exclusive` */
  mode?: 'exclusive' | 'shared' | undefined
  /** What the attempt is about, such as `version`, for the `when` of holds: up to 16. */
  attributes?: Record<string, string> | undefined
  /** Conditions that must be true, such as `migration:airship/42`: up to 16. */
  requires?: readonly string[] | undefined
  /** How long it may be held, heartbeats or not: 1 s to 30 days. @defaultValue no limit */
  maxHoldMs?: number | undefined
  /**
   * For how long nothing that overlaps is granted after an end that this client did not choose, in which its work
   * may go on: up to 1 min. @defaultValue 0
   */
  lockDelayMs?: number | undefined
  /** Goes through holds and unmet conditions, and says why. Needs the permission to override. */
  overrideReason?: string | undefined
  /**
   * The id of this request: again, with the same content, it is the same lock, as long as it is held. One that is lost
   * with its lease is another lock when it is asked for again.
   * @defaultValue a new one
   */
  requestId?: string | undefined
  /** Hears where the request waits, and behind what, as often as that changes. */
  onQueued?: ((update: QueuedUpdate) => void) | undefined
  /** Hears that somebody asks the holder to let go. */
  onReleaseRequest?: ((request: ReleaseRequested) => void) | undefined
  /** How long it may take beyond `waitMs`, in milliseconds. @defaultValue that of the client */
  timeoutMs?: number | undefined
}

const modes = { exclusive: Lock_Mode.EXCLUSIVE, shared: Lock_Mode.SHARED }
const noAttributes = {}
const noRequires: string[] = []

/**
 * The request as the protocol carries it, under no lease yet.
 *
 * @throws InvalidRequestError
 */
export function acquireRequest(
  scope: ScopeInput | readonly ScopeInput[],
  options: AcquireOptions,
): AcquireLockRequest {
  return {
    lease: '',
    leaseSecret: noSecret,
    requestId: options.requestId ?? uuidV7(),
    scopes: isList(scope) ? scope.map(scopeOf) : [scopeOf(scope)],
    mode: modes[options.mode ?? 'exclusive'],
    wait: durationOf('waitMs', options.waitMs),
    reason: options.reason ?? '',
    attributes: options.attributes ?? noAttributes,
    requires: options.requires ? [...options.requires] : noRequires,
    maxHold: durationOf('maxHoldMs', options.maxHoldMs),
    lockDelay: durationOf('lockDelayMs', options.lockDelayMs),
    overrideReason: options.overrideReason ?? '',
    validateOnly: false,
  }
}

function isList(scope: ScopeInput | readonly ScopeInput[]): scope is readonly ScopeInput[] {
  return Array.isArray(scope)
}
