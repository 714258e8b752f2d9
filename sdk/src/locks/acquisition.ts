import type {
  AcquireLockRequest,
  AcquireLockResponse_Queued,
  LockGrant,
} from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { onAbort } from '../pause.ts'
import { localStatus } from '../status.ts'
import { type AcquireOptions, acquireRequest } from './acquire-options.ts'
import { AcquiredLock, type Releaser } from './acquired-lock.ts'
import { blockerOf } from './blocker.ts'
import type { Lease } from './lease.ts'
import type { ScopeInput } from './scope.ts'
import type { Session } from './session.ts'
import { type CallListener, type Outcome, releaseCall, SessionCall } from './session-call.ts'

/**
 * One request for scopes, from when it is sent until it is granted, refused or given up. What is given up may
 * still be granted by the server, and is then released.
 */
export class Acquisition implements CallListener {
  readonly #session: Session
  readonly #releaser: Releaser
  readonly #lease: Lease
  readonly #options: AcquireOptions
  readonly #request: AcquireLockRequest
  readonly #call: SessionCall
  #resolve: (lock: AcquiredLock) => void = noop
  #reject: ((error: unknown) => void) | undefined
  #stopListening = noop
  /** `locks/{id}`, when it waits. */
  #waiting: string | undefined
  #givenUp = false

  /** @throws InvalidRequestError */
  constructor(
    scope: ScopeInput | readonly ScopeInput[],
    options: AcquireOptions,
    on: { session: Session; releaser: Releaser; lease: Lease },
  ) {
    this.#session = on.session
    this.#releaser = on.releaser
    this.#lease = on.lease
    this.#options = options
    this.#request = acquireRequest(scope, options)
    const asked = { $case: 'acquireLock', value: this.#request } as const
    this.#call = new SessionCall(asked, Number.POSITIVE_INFINITY, this, on.lease)
  }

  /** @throws what refused it; the signal's own reason. */
  run(timeoutMs: number): Promise<AcquiredLock> {
    const { signal, waitMs = 0 } = this.#options
    this.#call.deadlineMs = performance.now() + waitMs + timeoutMs
    return new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      if (signal) {
        this.#stopListening = onAbort(signal, () => {
          this.#giveUp(this.#call)
          this.#fail(signal.reason)
        })
      }
      this.#session.send(this.#call)
    })
  }

  /** It waits. */
  queued(queued: AcquireLockResponse_Queued): void {
    if (this.#givenUp && this.#waiting === undefined) this.#release(queued.lock, 0n)
    this.#waiting = queued.lock
    const tell = this.#options.onQueued
    if (tell === undefined || this.#givenUp) return
    const { place, totalBlockers } = queued
    const update = { place, blockers: queued.blockers.map(blockerOf), totalBlockers }
    // Apart from what reads the stream, which must not end when the program's function throws.
    queueMicrotask(() => tell(update))
  }

  /** It is granted, or refused; or its time is over. */
  settled(outcome: Outcome): void {
    if (!outcome.ok) {
      if (outcome.late) this.#giveUp()
      this.#fail(this.#session.errorOf(outcome.status))
    } else if (outcome.answer.$case === 'granted') {
      this.#granted(outcome.answer.value)
    } else {
      this.#fail(this.#session.errorOf(localStatus('INTERNAL', 'the server granted nothing')))
    }
  }

  /** Here and not after a turn: the next answer in the same message may be that the lock has ended. */
  #granted(grant: LockGrant): void {
    // Of an earlier request with the same id. One lock has one handle: of two, one would not be told of the loss.
    const standing = this.#lease.locks.get(grant.name)
    if (this.#givenUp || this.#lease.isOver) {
      if (standing === undefined) this.#release(grant.name, grant.fencingToken)
      return
    }
    if (standing !== undefined) this.#releaser.refused()
    const lock = standing ?? this.#lockOf(grant)
    this.#stopListening()
    this.#reject = undefined
    this.#resolve(lock)
  }

  #lockOf(grant: LockGrant): AcquiredLock {
    const lock = new AcquiredLock(grant, {
      request: this.#request,
      sentNs: this.#call.sentNs,
      options: this.#options,
      lease: this.#lease,
      releaser: this.#releaser,
    })
    this.#lease.locks.set(lock.name, lock)
    return lock
  }

  #fail(error: unknown): void {
    const reject = this.#reject
    if (reject === undefined) return
    this.#reject = undefined
    this.#stopListening()
    this.#releaser.refused()
    reject(error)
  }

  /** Nobody waits for it any more. */
  #giveUp(call?: SessionCall): void {
    if (this.#givenUp || this.#reject === undefined) return
    this.#givenUp = true
    if (call && this.#session.withdraw(call)) return
    if (this.#waiting !== undefined) this.#release(this.#waiting, 0n)
  }

  #release(name: string, fencingToken: bigint): void {
    const asked = releaseCall(name, fencingToken)
    this.#session.send(new SessionCall(asked, Number.POSITIVE_INFINITY, { settled: noop }, this.#lease))
  }
}

function noop(): void {}
