import type {
  AcquireLockResponse_Queued,
  SessionAnswer,
  SessionCall as SessionCallMessage,
} from '../../../proto/gen/holdfast/v1/lock_service.ts'
import type { FailedStatus } from '../status.ts'
import type { Loss } from './lock-errors.ts'
import { failedStatusOf } from './lock-status.ts'

/** What is asked of a session. */
export type Asked = NonNullable<SessionCallMessage['call']>

/** How a call of a session was answered. */
export type Answered = Exclude<NonNullable<SessionAnswer['answer']>, { $case: 'error' }>

/** An answer, or how the call failed; `late`: its deadline passed, and it may have been done all the same. */
export type Outcome =
  | { ok: true; answer: Answered }
  | { ok: false; status: FailedStatus; late?: boolean | undefined }

/** What a session needs of a lease: to come back to it on every new stream, and to name it in calls. */
export interface AttachedLease {
  /** `leases/{id}` */
  readonly name: string
  readonly secret: Buffer
  attachCall(): SessionCall
  /** All that rests on it is lost. */
  end(loss: Loss): void
}

/** In the place of a secret that the server knows, or that the queue fills in. */
export const noSecret = Buffer.alloc(0)

/** The call that ends a lock, held or waiting, under a lease that the queue names. */
export function releaseCall(name: string, fencingToken: bigint): Extract<Asked, { $case: 'releaseLock' }> {
  return { $case: 'releaseLock', value: { name, fencingToken, lease: '', leaseSecret: noSecret } }
}

/** Who waits for a call. */
export interface CallListener {
  /** It is answered; or its deadline passed, and then the answer to what was sent still comes, if it does. */
  settled(outcome: Outcome): void
  queued?(queued: AcquireLockResponse_Queued): void
}

/** A call of a session, from when it is asked until it is answered, across as many streams as it takes. */
export class SessionCall {
  readonly asked: Asked
  /** By `performance.now()`. */
  deadlineMs: number
  readonly listener: CallListener
  /** The lease that it is made under: with it, it is over. The queue names it in the request. */
  readonly lease: AttachedLease | undefined
  /** Its number on the present stream; 0 until it was sent on any. */
  id = 0
  /** When it was last sent, by `process.hrtime`; of what a clock is started by only. */
  sentNs = 0n
  /** Whether the server said on the present stream that it waits. */
  isQueued = false
  /** The last answer that it was worth trying again after. */
  deferred: FailedStatus | undefined
  /** When to try again after that, by `performance.now()`. */
  dueMs = 0

  constructor(asked: Asked, deadlineMs: number, listener: CallListener, lease?: AttachedLease) {
    this.asked = asked
    this.deadlineMs = deadlineMs
    this.listener = listener
    this.lease = lease
  }

  /** Takes an answer. True when it was the last one; `deferred` when the call is to be made again. */
  take(answer: NonNullable<SessionAnswer['answer']>): boolean | 'deferred' {
    if (answer.$case === 'error') {
      const status = failedStatusOf(answer.value)
      if (status.code === 'UNAVAILABLE' || status.details.reason === 'QUOTA_EXCEEDED') {
        this.deferred = status
        return 'deferred'
      }
      this.listener.settled({ ok: false, status })
      return true
    }
    if (answer.$case === 'acquireLock') {
      this.isQueued = true
      if (answer.value.answer?.$case === 'queued') this.listener.queued?.(answer.value.answer.value)
      return false
    }
    this.listener.settled({ ok: true, answer })
    return true
  }
}
