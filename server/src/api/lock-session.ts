import type { Status } from '../../../proto/gen/google/rpc/status.ts'
import { type Lock, Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import type {
  AcquireLockRequest,
  ReleaseLockRequest,
  SessionAnswer,
  SessionCall,
  SessionRequest,
} from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { ChurningMap } from '../../../runtime/churning-map.ts'
import { HoldfastError, invalidRequest, refuseViolations } from '../domain/error.ts'
import type { Standing } from '../domain/locks/acquire-lock.ts'
import { AcquireLock } from '../domain/locks/acquire-lock.ts'
import { RevokeLease } from '../domain/locks/end-leases.ts'
import type { LeaseKey } from '../domain/locks/lease.ts'
import { ReleaseLock } from '../domain/locks/release-lock.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { type CallContext, Encoded } from './handler.ts'
import type { LeaseCalls } from './lease-calls.ts'
import { lockGrant, queuedAnswer } from './lock-answers.ts'
import { acquisition, issuedNameViolation, leaseKey, leaseViolation } from './lock-request.ts'
import type { LockWaits } from './lock-waits.ts'
import { SessionAnswers } from './session-answers.ts'

/** Calls of one message, calls without an answer yet, and answers that are not sent yet. */
const MAX_CALLS = 1000

type Answer = NonNullable<SessionAnswer['answer']>

export interface SessionParts {
  ledger: Ledger
  leases: LeaseCalls
  waits: LockWaits
  rpcStatus: (error: HoldfastError) => Status
  mayOverride: (principal: string) => boolean
}

/**
 * One client's calls on one stream. Calls of a message reach the group writer in the same turn, so that one
 * transaction takes them together, and the answers of a commit go out as one message.
 */
export class LockSession {
  readonly #parts: SessionParts
  readonly #context: CallContext
  readonly #answers = new SessionAnswers()
  readonly #ended = new AbortController()
  #wake: (() => void) | undefined
  #readOn: (() => void) | undefined
  /** Calls without an answer, and of these the ones that wait for a lock. */
  #open = 0
  #waiting = 0
  #over = false
  #failure: unknown
  /** The leases that were opened on this stream, by name; and the last of them. */
  readonly #leases = new Map<string, LeaseKey>()
  #lease: LeaseKey | undefined
  /** Locks whose end is told, each with what ends the listening. */
  readonly #followed = new ChurningMap<string, () => void>()

  constructor(parts: SessionParts, context: CallContext) {
    this.#parts = parts
    this.#context = context
  }

  async *run(requests: AsyncIterable<SessionRequest>): AsyncGenerator<Encoded> {
    const reading = this.#read(requests)
    try {
      for (;;) {
        if (this.#answers.size > 0) {
          const message = this.#answers.take()
          if (this.#answers.size < MAX_CALLS) this.#readOn?.()
          yield new Encoded(message)
        } else if (this.#over && this.#open === this.#waiting) {
          break
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
        }
      }
      if (this.#failure !== undefined) throw this.#failure
    } finally {
      this.#over = true
      this.#readOn?.()
      this.#ended.abort(new HoldfastError('CANCELLED', 'the session ended'))
      for (const stop of this.#followed.values()) stop()
      await reading
    }
  }

  async #read(requests: AsyncIterable<SessionRequest>): Promise<void> {
    try {
      for await (const { calls } of requests) {
        if (calls.length > MAX_CALLS) {
          throw invalidRequest([
            { field: 'calls', description: `must be at most ${MAX_CALLS}; got ${calls.length}` },
          ])
        }
        const unnumbered = calls.findIndex(({ callId }) => callId === 0n)
        if (unnumbered >= 0) {
          throw invalidRequest([{ field: `calls[${unnumbered}].call_id`, description: 'must not be 0' }])
        }
        for (const call of calls) this.#take(call)
        // A client that does not read is not heard either.
        while (this.#answers.size >= MAX_CALLS && !this.#over) {
          await new Promise<void>((resolve) => {
            this.#readOn = resolve
          })
        }
      }
    } catch (error) {
      this.#failure = error
    }
    this.#over = true
    this.#wake?.()
  }

  #take({ callId, call }: SessionCall): void {
    this.#open++
    try {
      if (this.#open > MAX_CALLS) {
        throw new HoldfastError(
          'QUOTA_EXCEEDED',
          `${MAX_CALLS} calls of this session have no answer yet; wait for some`,
          {
            retryAfterMs: 100,
          },
        )
      }
      this.#dispatch(callId, call)
    } catch (error) {
      this.#fail(callId, error)
    }
  }

  #dispatch(callId: bigint, call: SessionCall['call']): void {
    const { leases, ledger } = this.#parts
    const { principal } = this.#context
    switch (call?.$case) {
      case 'acquireLock':
        this.#acquire(callId, call.value)
        return
      case 'releaseLock':
        this.#release(callId, call.value)
        return
      case 'keepAlive':
        this.#settle(callId, leases.keepAlive(call.value), 'keepAlive')
        return
      case 'createLease': {
        const { leaseId, secret } = call.value
        const created = leases.create(call.value, principal).then((value) => {
          this.#lease = leaseKey(`leases/${leaseId}`, secret)
          this.#leases.set(`leases/${leaseId}`, this.#lease)
          for (const lock of value.locks) this.#follow(lock)
          return value
        })
        this.#settle(callId, created, 'createLease')
        return
      }
      case 'revokeLease': {
        const { lease, leaseSecret } = call.value
        refuseViolations([leaseViolation('lease', lease)])
        this.#leases.delete(lease)
        const revoked = ledger.submit(new RevokeLease(leaseKey(lease, leaseSecret), principal))
        this.#settle(callId, revoked, 'revokeLease')
        return
      }
      default:
        throw invalidRequest([{ field: 'call', description: 'is required' }])
    }
  }

  #acquire(callId: bigint, request: AcquireLockRequest): void {
    const { ledger, waits, mayOverride } = this.#parts
    const { principal } = this.#context
    const lease = request.validateOnly ? undefined : this.#leaseOf(request.lease, request.leaseSecret)
    const wanted = acquisition(request, { lease, principal, mayOverride: mayOverride(principal) })
    const granted = (lock: Lock | undefined, { takenAt }: Standing): void => {
      this.#answer(callId, { $case: 'granted', value: lockGrant(lock, takenAt) })
      if (lock === undefined) return
      this.#follow(lock)
      // A retry of what was granted, and asked for, meanwhile.
      if (lock.releaseRequest !== undefined) this.#tell(lock)
    }
    const onQueued = (standing: Standing): void =>
      this.#push({ callId, answer: { $case: 'acquireLock', value: queuedAnswer(standing) } })
    ledger.submit(new AcquireLock(wanted)).then(
      (standing) => {
        if (standing.granted) return granted(standing.lock, standing)
        if (standing.lock === undefined) {
          return this.#answer(callId, { $case: 'acquireLock', value: queuedAnswer(standing) })
        }
        if (standing.lock.state === Lock_State.WAITING) onQueued(standing)
        this.#waiting++
        waits
          .granted({ wanted, standing, onQueued }, this.#ended.signal)
          .then(
            (lock) => granted(lock, standing),
            (error: unknown) => this.#fail(callId, error),
          )
          .finally(() => this.#waiting--)
      },
      (error: unknown) => this.#fail(callId, error),
    )
  }

  #release(callId: bigint, { name, fencingToken, lease, leaseSecret }: ReleaseLockRequest): void {
    refuseViolations([issuedNameViolation('name', 'locks', name)])
    const key = this.#leaseOf(lease, leaseSecret)
    // Its own release is no news to this client; one that is refused leaves the lock as it was.
    const followed = this.#unfollow(name)
    const command = new ReleaseLock({ name, fencingToken, lease: key, principal: this.#context.principal })
    const released = this.#parts.ledger.submit(command)
    if (followed) released.catch(() => this.#follow({ name, revision: 0n }))
    this.#settle(callId, released, 'releaseLock')
  }

  #leaseOf(lease: string, secret: Uint8Array): LeaseKey {
    if (secret.length === 0) {
      const known = lease === '' ? this.#lease : this.#leases.get(lease)
      if (known !== undefined) return known
    }
    refuseViolations([leaseViolation('lease', lease)])
    return leaseKey(lease, secret)
  }

  #settle<Case extends Answer['$case']>(
    callId: bigint,
    result: Promise<Extract<Answer, { $case: Case }>['value']>,
    $case: Case,
  ): void {
    result.then(
      (value) => this.#answer(callId, { $case, value } as Answer),
      (error: unknown) => this.#fail(callId, error),
    )
  }

  /** Tells when a lock ends, or somebody asks for it. */
  #follow(seen: Pick<Lock, 'name' | 'revision'>): void {
    const { name } = seen
    if (this.#followed.has(name) || this.#over) return
    const changed = (lock: Lock): void => {
      if (lock.state === Lock_State.WAITING || !this.#followed.has(name)) return
      if (lock.state === Lock_State.ENDED) this.#unfollow(name)
      if (lock.state === Lock_State.ENDED || lock.releaseRequest !== undefined) this.#tell(lock)
    }
    const listener = { changed, gap: () => void this.#parts.waits.readOrEnded(name).then(changed) }
    this.#followed.set(name, this.#parts.ledger.lockSignals.listen(seen, listener))
  }

  /** False when it was not followed. */
  #unfollow(name: string): boolean {
    this.#followed.get(name)?.()
    return this.#followed.delete(name)
  }

  #tell(lock: Lock): void {
    this.#push({ callId: 0n, answer: { $case: 'lockChanged', value: lock } })
  }

  #answer(callId: bigint, answer: Answer): void {
    this.#open--
    this.#push({ callId, answer })
  }

  #fail(callId: bigint, error: unknown): void {
    const known = error instanceof HoldfastError ? error : this.#unknown(error)
    this.#answer(callId, { $case: 'error', value: this.#parts.rpcStatus(known) })
  }

  #unknown(error: unknown): HoldfastError {
    this.#context.log.error({ err: error }, 'a call of a session failed')
    const { requestId } = this.#context
    return new HoldfastError(
      'INTERNAL',
      `internal error; the server's log tells more under request id ${requestId}`,
    )
  }

  #push(answer: SessionAnswer): void {
    this.#answers.push(answer)
    this.#wake?.()
    this.#wake = undefined
  }
}
