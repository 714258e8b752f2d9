import type {
  AcquireLockRequest,
  AcquireLockResponse_Granted,
  AcquireLockResponse_Queued,
} from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { type FailedStatus, localStatus } from '../status.ts'
import { type AcquireOptions, acquireRequest } from './acquire-options.ts'
import { AcquiredLock, type Releaser } from './acquired-lock.ts'
import { blockerOf } from './blocker.ts'
import type { Lease } from './lease.ts'
import type { ScopeInput } from './scope.ts'
import type { Session } from './session.ts'
import { type CallListener, type Outcome, SessionCall } from './session-call.ts'

type Ended = { lock: AcquiredLock } | { status: FailedStatus } | { error: unknown }

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
  #end: ((ended: Ended) => void) | undefined
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
    this.#request.lease = on.lease.name
    this.#request.leaseSecret = on.lease.secret
  }

  /** @throws what refused it; the signal's own reason. */
  async run(timeoutMs: number): Promise<AcquiredLock> {
    const { signal, waitMs = 0 } = this.#options
    const asked = { $case: 'acquireLock', value: this.#request } as const
    const call = new SessionCall(asked, performance.now() + waitMs + timeoutMs, this, this.#lease)
    const abort = (): void => {
      this.#giveUp(call)
      this.#settle({ error: signal?.reason })
    }
    signal?.addEventListener('abort', abort, { once: true })
    const ended = await new Promise<Ended>((end) => {
      this.#end = end
      this.#session.send(call)
    })
    signal?.removeEventListener('abort', abort)
    if ('lock' in ended) return ended.lock
    throw 'status' in ended ? this.#session.errorOf(ended.status) : ended.error
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
      this.#settle({ status: outcome.status })
      return
    }
    const { answer } = outcome
    if (answer.$case !== 'acquireLock' || answer.value.answer?.$case !== 'granted') {
      this.#settle({ status: localStatus('INTERNAL', 'the server granted nothing') })
      return
    }
    this.#granted(answer.value.answer.value)
  }

  /** Here and not after a turn: the next answer in the same message may be that the lock has ended. */
  #granted({ lock: message, revision }: AcquireLockResponse_Granted): void {
    if (message === undefined) {
      this.#settle({ status: localStatus('INTERNAL', 'the server granted nothing') })
      return
    }
    if (this.#givenUp || this.#lease.isOver) {
      this.#release(message.name, message.fencingToken)
      return
    }
    const { maxHoldMs, onReleaseRequest } = this.#options
    const lock = new AcquiredLock(
      this.#lease,
      { lock: message, revision },
      {
        releaser: this.#releaser,
        maxHoldMs,
        onReleaseRequest,
      },
    )
    this.#lease.locks.set(lock.name, lock)
    this.#settle({ lock })
  }

  #settle(ended: Ended): void {
    this.#end?.(ended)
    this.#end = undefined
  }

  /** Nobody waits for it any more. */
  #giveUp(call?: SessionCall): void {
    if (this.#givenUp || this.#end === undefined) return
    this.#givenUp = true
    if (call && this.#session.withdraw(call)) return
    if (this.#waiting !== undefined) this.#release(this.#waiting, 0n)
  }

  #release(name: string, fencingToken: bigint): void {
    const { name: lease, secret: leaseSecret } = this.#lease
    const value = { name, fencingToken, lease, leaseSecret }
    const asked = { $case: 'releaseLock', value } as const
    this.#session.ask(asked, Number.POSITIVE_INFINITY, this.#lease).catch(() => {})
  }
}
