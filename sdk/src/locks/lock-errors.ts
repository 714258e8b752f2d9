import { HoldfastError, type HoldfastErrorOptions } from '../errors.ts'
import type { Blocker } from './blocker.ts'

/** What an error about something in the way is made of. */
export interface BlockedErrorOptions extends HoldfastErrorOptions {
  blockers?: readonly Blocker[] | undefined
  totalBlockers?: number | undefined
}

/** Something is in the way of a lock. The message lists it, ready to print. */
abstract class ObstructedError extends HoldfastError {
  /** What is in the way, first what to look at first; about 30 at the most. */
  readonly blockers: readonly Blocker[]
  /** How many there are in all. */
  readonly totalBlockers: number

  constructor(detail: string, options: BlockedErrorOptions) {
    super(detail, options)
    this.blockers = options.blockers ?? []
    this.totalBlockers = options.totalBlockers ?? this.blockers.length
  }
}

/** The scope is locked, or asked for by somebody who came earlier, and the call does not wait (LOCK_HELD). */
export class LockHeldError extends ObstructedError {
  static override readonly kind: string = 'LockHeldError'
}

/** A hold or an unmet condition covers the scope (BLOCKED), now or while the call waited. */
export class BlockedError extends ObstructedError {
  static override readonly kind: string = 'BlockedError'
}

/** The call waited for the scope to its limit (ACQUIRE_TIMED_OUT). */
export class AcquireTimedOutError extends ObstructedError {
  static override readonly kind: string = 'AcquireTimedOutError'
}

/** The lease is over or was never there (LEASE_EXPIRED). Ask again: that opens another one. */
export class LeaseExpiredError extends HoldfastError {
  static override readonly kind: string = 'LeaseExpiredError'
}

/** The lock is not held under this token any more (STALE_TOKEN): it ended, and perhaps another one began. */
export class StaleTokenError extends HoldfastError {
  static override readonly kind: string = 'StaleTokenError'
}

/** The `requestId` was used before, for something else (REQUEST_ID_REUSED). */
export class RequestIdReusedError extends HoldfastError {
  static override readonly kind: string = 'RequestIdReusedError'
}

/**
 * Why a lock was lost.
 *
 * - `expired`: no heartbeat was acknowledged in time, or the server let the lease expire.
 * - `forced`: somebody ended it.
 * - `max-hold`: it was held for its `maxHoldMs`.
 * - `epoch-changed`: the ledger was restored or failed over, and cannot vouch for it.
 * - `revoked`: this client ended its lease, as `close()` does.
 */
export type LossCause = 'expired' | 'forced' | 'max-hold' | 'epoch-changed' | 'revoked'

/** A lock was lost while it was held. Stop what it guards: somebody else may hold it. */
export class LockLostError extends HoldfastError {
  static override readonly kind: string = 'LockLostError'
  /** `locks/{id}` */
  readonly lock: string
  readonly lossCause: LossCause
  /** Who ended it; empty when nobody did. */
  readonly endedBy: string
  /** Why, in their words; empty when they gave none. */
  readonly endReason: string

  constructor(lock: string, loss: Loss) {
    super(lossText(lock, loss), { code: 'ABORTED', reason: 'LOCK_LOST', metadata: { lock } })
    this.lock = lock
    this.lossCause = loss.cause
    this.endedBy = loss.endedBy ?? ''
    this.endReason = loss.endReason ?? ''
  }
}

/** How a lock was lost. */
export interface Loss {
  cause: LossCause
  endedBy?: string | undefined
  endReason?: string | undefined
}

function lossText(lock: string, { cause, endedBy, endReason }: Loss): string {
  const why = endReason ? `: ${endReason}` : ''
  switch (cause) {
    case 'expired':
      return `${lock} is lost: no heartbeat of its lease was acknowledged in time${why}`
    case 'forced':
      return `${lock} was ended by ${endedBy || 'somebody'}${why}`
    case 'max-hold':
      return `${lock} is over: it was held for as long as it may be${why}`
    case 'epoch-changed':
      return `${lock} is lost: the ledger began a new epoch and cannot vouch for it${why}`
    case 'revoked':
      return `${lock} is lost: this client ended its lease${why}`
  }
}
