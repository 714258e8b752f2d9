import {
  type Lock,
  Lock_EndCause,
  Lock_Mode,
  Lock_State,
  type ReleaseRequest,
} from '../../../proto/gen/holdfast/v1/lock.ts'
import type { AcquireLockRequest, LockGrant } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import type { CallOptions } from '../connect-options.ts'
import { nanosOf } from '../duration.ts'
import { dateFromTimestamp, type Revision } from '../revision.ts'
import type { AcquireOptions } from './acquire-options.ts'
import { type FencingToken, fenceText } from './fencing-token.ts'
import type { Lease } from './lease.ts'
import { marginMs } from './lease-clock.ts'
import { LockLostError, type Loss, type LossCause } from './lock-errors.ts'
import { type LockSignal, type LockState, nextLockState } from './lock-state.ts'
import { LossSignal } from './loss-signal.ts'
import { scopeText } from './scope.ts'

/** Somebody wishes that the holder let go. */
export interface ReleaseRequested {
  /** Who asks. */
  requestedBy: string
  /** Why. */
  reason: string
  /** Since when, by the server's clock. */
  requestedAt: Date
}

/** What a lock needs of its client. */
export interface Releaser {
  release(lock: AcquiredLock, options: CallOptions): Promise<void>
  /** Tells the server that a lock which was lost is not needed any more. Waits for nothing. */
  disown(lock: AcquiredLock): void
  ended(lock: AcquiredLock): void
  /** A request came to nothing. */
  refused(): void
}

/** What a lock is made of, beside its grant. @internal */
export interface Acquired {
  request: AcquireLockRequest
  /** When the request was sent, by `process.hrtime`; of one with `maxHold`. */
  sentNs: bigint
  options: Pick<AcquireOptions, 'onReleaseRequest'>
  lease: Lease
  releaser: Releaser
}

/**
 * A lock that was granted to this client. Held until it is released or lost; `state` says which, and the
 * `signal` is aborted when it is lost, before anybody else can be granted what it covers.
 *
 * Every look at it asks the clock: also right after the event loop was blocked, or the process stopped, it does
 * not say that it is held when it may not be.
 */
export class AcquiredLock implements AsyncDisposable {
  /** `locks/{id}` */
  readonly name: string
  /** Rises with each grant. Hand it to what you write, which can then refuse whoever comes with a lower one. */
  readonly fencingToken: FencingToken
  /** The epoch of the ledger that the grant belongs to. */
  readonly ledgerEpoch: bigint
  /** The lease that it rests on. @internal */
  readonly lease: Lease
  readonly #request: AcquireLockRequest
  readonly #releaser: Releaser
  readonly #onReleaseRequest: ((request: ReleaseRequested) => void) | undefined
  /** By `process.hrtime`; undefined: no limit. */
  readonly #holdUntilNs: bigint | undefined
  #signal: LossSignal | undefined
  #releaseRequest: ReleaseRequest | undefined
  #state: LockState = 'held'
  #loss: LockLostError | undefined
  #timer: NodeJS.Timeout | undefined
  #releasing: Promise<void> | undefined

  /** @internal */
  constructor({ name, fencingToken, ledgerEpoch, heldFor }: LockGrant, acquired: Acquired) {
    this.name = name
    this.fencingToken = fencingToken as FencingToken
    this.ledgerEpoch = ledgerEpoch
    this.lease = acquired.lease
    this.#request = acquired.request
    this.#releaser = acquired.releaser
    this.#onReleaseRequest = acquired.options.onReleaseRequest
    const { maxHold } = acquired.request
    if (maxHold === undefined) return
    // The server counts on while the grant is on its way, so what it tells counts from when it was asked. That is the
    // difference of two times of its clock, which may be set while somebody waits: nobody holds for longer than from now.
    const fromNow = process.hrtime.bigint() + nanosOf(maxHold)
    const fromAsked = heldFor === undefined ? fromNow : acquired.sentNs + nanosOf(heldFor)
    const marginNs = BigInt(Math.round(marginMs(Number(nanosOf(maxHold)) / 1e6) * 1e6))
    this.#holdUntilNs = (fromAsked < fromNow ? fromAsked : fromNow) - marginNs
    this.#limitHold()
  }

  /** A read at this revision sees the grant: it is the token. */
  get revision(): Revision {
    return this.fencingToken as bigint as Revision
  }

  /** What it covers, as people write it. */
  get scopes(): string[] {
    return this.#request.scopes.map(scopeText)
  }

  /** Who else may hold what overlaps: nobody, or others that are shared. */
  get mode(): 'exclusive' | 'shared' {
    return this.#request.mode === Lock_Mode.SHARED ? 'shared' : 'exclusive'
  }

  /** The token, its epoch and the lock as text, for `HOLDFAST_FENCE` in a child's environment. */
  get fence(): string {
    const { ledgerEpoch, fencingToken, name } = this
    return fenceText({ ledgerEpoch, fencingToken, lock: name })
  }

  /** Where it stands, by the clock. */
  get state(): LockState {
    this.#look()
    return this.#state
  }

  /** Aborted with a {@link LockLostError} when the lock is lost. Give it to what the lock guards. */
  get signal(): AbortSignal {
    this.#look()
    if (this.#signal === undefined) {
      this.#signal = new LossSignal(() => this.#look())
      if (this.#loss) this.#signal.abort(this.#loss)
    }
    return this.#signal.signal
  }

  /** For how long it is held without another heartbeat, in milliseconds; 0 when it is not. */
  get remainingMs(): number {
    const state = this.state
    if (state === 'lost' || state === 'released') return 0
    return Math.max(0, Math.min(this.lease.clock.remainingMs(), this.#heldMs))
  }

  /** How long it may still be held, whatever its heartbeats say. */
  get #heldMs(): number {
    if (this.#holdUntilNs === undefined) return Number.POSITIVE_INFINITY
    return Number(this.#holdUntilNs - process.hrtime.bigint()) / 1e6
  }

  /** Set when somebody asks that it be released. */
  get releaseRequest(): ReleaseRequested | undefined {
    const request = this.#releaseRequest
    if (request === undefined) return undefined
    const { requestedBy, reason, requestTime } = request
    return { requestedBy, reason, requestedAt: requestTime ? dateFromTimestamp(requestTime) : new Date(0) }
  }

  /**
   * Throws unless the lock is held: call it right before each step that must not happen without it.
   *
   * @throws LockLostError when it is lost, or was released.
   */
  assertHeld(): void {
    this.#look()
    if (this.#loss) throw this.#loss
    if (this.#state === 'released') {
      throw new LockLostError(this.name, { cause: 'revoked', endReason: 'it was released' })
    }
  }

  /**
   * Ends the lock; the next in line is granted in the same revision. Resolves when that is durable. Again: the
   * same promise. Of a lock that was lost it tells the server, and waits for nothing.
   *
   * @throws StaleTokenError when the server had ended it: what it guarded may have overlapped with another
   * holder's; UnavailableError, DeadlineExceededError when the server does not answer: the call is made again
   * as long as the lease lives.
   */
  release(options: CallOptions = {}): Promise<void> {
    this.#look()
    this.#releasing ??= this.#release(options)
    return this.#releasing
  }

  /** {@link release}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release()
  }

  #release(options: CallOptions): Promise<void> {
    if (this.#state === 'lost') {
      this.#releaser.disown(this)
      return Promise.resolve()
    }
    this.signalled('release')
    clearTimeout(this.#timer)
    this.#releaser.ended(this)
    return this.#releaser.release(this, options)
  }

  /** @internal The lease was heard of, or not. */
  signalled(signal: LockSignal): void {
    this.#state = nextLockState(this.#state, signal)
  }

  /** @internal The lock is lost. Final; again, or after a release: does nothing. */
  lose(loss: Loss): void {
    if (this.#state === 'lost' || this.#state === 'released') return
    this.signalled('lose')
    clearTimeout(this.#timer)
    this.#loss = new LockLostError(this.name, loss)
    this.#releaser.ended(this)
    this.#signal?.abort(this.#loss)
  }

  /** @internal The server tells how the lock stands. */
  update(message: Lock): void {
    const before = this.#releaseRequest
    this.#releaseRequest = message.releaseRequest
    if (message.state === Lock_State.ENDED) {
      const { endedBy, endReason } = message
      this.lose({ cause: lossCauses[message.endCause] ?? 'revoked', endedBy, endReason })
      return
    }
    const request = this.releaseRequest
    const tell = this.#onReleaseRequest
    // Apart from what reads the stream, which must not end when the program's function throws.
    if (before === undefined && request && tell) queueMicrotask(() => tell(request))
  }

  /** Looks when it may be held no longer, which is further away than a timer reaches or not. */
  #limitHold(): void {
    this.#timer = setTimeout(
      () => {
        this.#look()
        if (this.#state !== 'lost' && this.#state !== 'released') this.#limitHold()
      },
      Math.min(Math.max(this.#heldMs, 0) + 1, 2 ** 31 - 1),
    ).unref()
  }

  /** Asks the clocks. */
  #look(): void {
    if (this.#state === 'lost' || this.#state === 'released') return
    this.lease.check()
    if (this.#heldMs <= 0) this.lose({ cause: 'max-hold' })
  }
}

const lossCauses: Record<number, LossCause> = {
  [Lock_EndCause.LEASE_EXPIRED]: 'expired',
  [Lock_EndCause.LEASE_REVOKED]: 'revoked',
  [Lock_EndCause.FORCED]: 'forced',
  [Lock_EndCause.MAX_HOLD]: 'max-hold',
  [Lock_EndCause.EPOCH_CHANGED]: 'epoch-changed',
}
