import { randomBytes } from 'node:crypto'
import type { Duration } from '../../../proto/gen/google/protobuf/duration.ts'
import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { CreateLeaseResponse } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { ChurningMap } from '../../../runtime/churning-map.ts'
import { durationOf } from '../duration.ts'
import { behind } from '../epoch-behind.ts'
import { localStatus } from '../status.ts'
import { uuidV7 } from '../uuid.ts'
import type { AcquiredLock } from './acquired-lock.ts'
import type { BeatenLease } from './beater.ts'
import { LeaseClock } from './lease-clock.ts'
import type { Loss, LossCause } from './lock-errors.ts'
import { type Outcome, SessionCall } from './session-call.ts'

/** Who hears of a lease. */
export interface LeaseListener {
  /** The server has it: beat it. */
  opened(lease: Lease): void
  /** It is over: nothing under it is held. */
  over(lease: Lease, loss: Loss): void
  /** The epoch of the ledger at the server. False when this client has seen a later one. */
  entered(ledgerEpoch: bigint): boolean
  /** One of its locks is not among those that the server still knows: why is to be found out. */
  missing(lock: AcquiredLock): void
}

/**
 * The liveness of this client towards the server, and the locks that rest on it. Loses them all when its clock
 * says so: by a timer, and whenever somebody looks, for timers are late when the event loop was blocked.
 */
export class Lease {
  readonly name = `leases/${uuidV7()}`
  readonly secret = randomBytes(32)
  readonly ttlMs: number
  readonly clock: LeaseClock
  readonly locks = new ChurningMap<string, AcquiredLock>()
  readonly opened: Promise<void>
  readonly #ttl: Duration | undefined
  readonly #owner: string
  readonly #listener: LeaseListener
  readonly #deadlineMs: number
  #settleOpening: { resolve(): void; reject(error: unknown): void } | undefined
  #standing: 'opening' | 'held' | 'at-risk' | 'over' = 'opening'
  #ledgerEpoch = 0n
  #timer: NodeJS.Timeout | undefined
  #fail: (outcome: Outcome & { ok: false }) => Error

  /** @throws InvalidRequestError when the TTL is no length of time. */
  constructor(
    { ttlMs, owner, timeoutMs }: { ttlMs: number; owner: string; timeoutMs: number },
    listener: LeaseListener,
    fail: (outcome: Outcome & { ok: false }) => Error,
  ) {
    this.ttlMs = ttlMs
    this.#ttl = durationOf('ttlMs', ttlMs)
    this.clock = new LeaseClock(ttlMs)
    this.#owner = owner
    this.#listener = listener
    this.#fail = fail
    this.#deadlineMs = performance.now() + timeoutMs
    this.opened = new Promise((resolve, reject) => {
      this.#settleOpening = { resolve, reject }
    })
    // Whoever acquires under it hears of it, and there may be nobody left.
    this.opened.catch(() => {})
  }

  /** True once the server has it, and until it is over. */
  get isOpen(): boolean {
    return this.#standing === 'held' || this.#standing === 'at-risk'
  }

  get isOver(): boolean {
    return this.#standing === 'over'
  }

  /** What the thread of heartbeats needs of it. */
  get beaten(): BeatenLease {
    const { name, secret, ttlMs, clock } = this
    return { name, secret, ttlMs, memory: clock.memory }
  }

  /** The call that opens it, or comes back to it. */
  attachCall(): SessionCall {
    const value = {
      leaseId: this.name.slice('leases/'.length),
      secret: this.secret,
      ttl: this.#ttl,
      owner: this.#owner,
    }
    const deadlineMs = this.#standing === 'opening' ? this.#deadlineMs : Number.POSITIVE_INFINITY
    const asked = { $case: 'createLease', value } as const
    const call: SessionCall = new SessionCall(
      asked,
      deadlineMs,
      { settled: (outcome) => this.#attached(outcome, call.sentNs) },
      this,
    )
    return call
  }

  /** Decides by the clock how it stands. Cheap: whoever looks at a lock comes through here. */
  check(): void {
    if (!this.isOpen) return
    const nowNs = process.hrtime.bigint()
    if (this.clock.remainingMs(nowNs) <= 0) {
      this.end({ cause: 'expired' })
      return
    }
    const standing = this.clock.untilRiskMs(nowNs) <= 0 ? 'at-risk' : 'held'
    if (standing === this.#standing) return
    this.#standing = standing
    for (const lock of this.locks.values()) lock.signalled(standing === 'held' ? 'beat' : 'silence')
    this.#arm()
  }

  /** A beat was acknowledged, or it is time to look. */
  heard(): void {
    this.check()
    if (this.isOpen) this.#arm()
  }

  /** Ends it here: all its locks are lost. Final; again: does nothing. */
  end(loss: Loss): void {
    if (this.isOver) return
    this.#standing = 'over'
    clearTimeout(this.#timer)
    const locks = [...this.locks.values()]
    this.locks.clear()
    for (const lock of locks) lock.lose(loss)
    this.#listener.over(this, loss)
  }

  #attached(outcome: Outcome, sentNs: bigint): void {
    if (this.isOver) return
    if (!outcome.ok) {
      const error = this.#fail(outcome)
      this.#settleOpening?.reject(error)
      this.end({ cause: causeOf(outcome.status.details.reason), endReason: outcome.status.text })
      return
    }
    if (outcome.answer.$case !== 'createLease') return
    const { locks, ledgerEpoch } = outcome.answer.value as CreateLeaseResponse
    this.clock.acknowledge(sentNs)
    if (!this.#listener.entered(ledgerEpoch)) {
      const error = behind(ledgerEpoch)
      this.#settleOpening?.reject(error)
      this.end({ cause: 'epoch-changed', endReason: error.message })
      return
    }
    const first = this.#standing === 'opening'
    if (!first && ledgerEpoch !== this.#ledgerEpoch) {
      this.end({ cause: 'epoch-changed' })
      return
    }
    this.#ledgerEpoch = ledgerEpoch
    if (first) {
      this.#standing = 'held'
      this.#listener.opened(this)
      this.#settleOpening?.resolve()
    } else {
      this.#compare(locks)
    }
    this.heard()
  }

  /** What the server has after a reconnect, against what is thought to be held. */
  #compare(locks: readonly Lock[]): void {
    const known = new Map(locks.map((lock) => [lock.name, lock]))
    for (const lock of this.locks.values()) {
      const message = known.get(lock.name)
      if (message) lock.update(message)
      else this.#listener.missing(lock)
    }
  }

  #arm(): void {
    clearTimeout(this.#timer)
    const delayMs = this.#standing === 'held' ? this.clock.untilRiskMs() : this.clock.remainingMs()
    // The session keeps the process alive while there are locks.
    this.#timer = setTimeout(() => this.heard(), Math.max(1, Math.ceil(delayMs))).unref()
  }
}

/** Why the server says that a lease is over, by the reason of its error. */
export const causeOf = (reason: string | undefined): LossCause =>
  reason === 'EPOCH_CHANGED' ? 'epoch-changed' : 'expired'

/** What calls under a lease that is over are settled with. */
export function leaseOverStatus({ cause, endReason }: Loss) {
  const text = `the lease is over (${cause})${endReason ? `: ${endReason}` : ''}; ask again to open another one`
  const status = localStatus('NOT_FOUND', text)
  return { ...status, details: { ...status.details, reason: 'LEASE_EXPIRED' } }
}
