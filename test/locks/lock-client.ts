import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { ServiceError } from '@grpc/grpc-js'
import { ErrorInfo } from '../../proto/gen/google/rpc/error_details.ts'
import { Status } from '../../proto/gen/google/rpc/status.ts'
import type { Lock } from '../../proto/gen/holdfast/v1/lock.ts'
import { Blockers, Lock_Mode } from '../../proto/gen/holdfast/v1/lock.ts'
import type {
  AcquireLockRequest,
  AcquireLockResponse_Queued,
  LockGrant,
  LockServiceClient,
  SessionAnswer,
  SessionCall,
} from '../../proto/gen/holdfast/v1/lock_service.ts'
import type { Scope } from '../../proto/gen/holdfast/v1/scope.ts'

/** `production/airship/web-0` or `name:x` as a scope. */
export function scope(text: string): Scope {
  if (text.startsWith('name:')) return { environment: '', service: '', machine: '', name: text.slice(5) }
  const [environment = '', service = '', machine = ''] = text.split('/')
  return { environment, service, machine, name: '' }
}

/** A refusal, as a call or a session gives it. */
export class Refused extends Error {
  readonly reason: string
  readonly blockers: Blockers | undefined

  constructor({ message, details }: Status) {
    super(message)
    const find = (type: string) => details.find(({ typeUrl }) => typeUrl.endsWith(`/${type}`))?.value
    const info = find('google.rpc.ErrorInfo')
    const blockers = find('holdfast.v1.Blockers')
    this.reason = info === undefined ? '' : ErrorInfo.decode(info).reason
    this.blockers = blockers === undefined ? undefined : Blockers.decode(blockers)
  }
}

export function refused(error: ServiceError): Refused | ServiceError {
  const [status] = error.metadata.get('grpc-status-details-bin')
  return Buffer.isBuffer(status) ? new Refused(Status.decode(status)) : error
}

export interface AcquireOptions extends Partial<Omit<AcquireLockRequest, 'scopes' | 'wait'>> {
  waitMs?: number
  onQueued?: (queued: AcquireLockResponse_Queued) => void
}

type Answer = NonNullable<SessionAnswer['answer']>

/** A lease on one session stream, without anything of the SDK. Beats only when told to. */
export class LockClient implements Disposable {
  readonly leaseId: string
  readonly secret: Buffer
  /** What was told unasked. */
  readonly told: Lock[] = []
  #locks: LockServiceClient
  #stream: ReturnType<LockServiceClient['session']>
  #callId = 0n
  readonly #calls = new Map<bigint, { take: (answer: Answer) => void; fail: (error: unknown) => void }>()

  private constructor(locks: LockServiceClient, { leaseId, secret }: { leaseId: string; secret: Buffer }) {
    this.leaseId = leaseId
    this.secret = secret
    this.#locks = locks
    this.#stream = this.#open()
  }

  /** Opens a lease, or comes to that of another client. */
  static async open(
    locks: LockServiceClient,
    { ttlMs = 60_000, owner = 'test', lease }: { ttlMs?: number; owner?: string; lease?: LockClient } = {},
  ): Promise<LockClient> {
    const client = new LockClient(locks, lease ?? { leaseId: randomUUID(), secret: randomBytes(16) })
    await client.attach(ttlMs, owner)
    return client
  }

  get lease(): string {
    return `leases/${this.leaseId}`
  }

  /** Opens the lease, or comes back to it. Gives the locks that it has. */
  async attach(ttlMs = 60_000, owner = 'test'): Promise<Lock[]> {
    const { leaseId, secret } = this
    const ttl = { seconds: BigInt(Math.floor(ttlMs / 1000)), nanos: (ttlMs % 1000) * 1e6 }
    const answer = await this.call({ $case: 'createLease', value: { leaseId, secret, ttl, owner } })
    if (answer.$case !== 'createLease') throw new Error(`answered with ${answer.$case}`)
    return answer.value.locks
  }

  /** Asks for scopes, and waits as long as the request says. */
  async acquire(
    scopes: string | string[],
    { waitMs = 0, onQueued, ...options }: AcquireOptions = {},
  ): Promise<LockGrant> {
    const wait = { seconds: BigInt(Math.floor(waitMs / 1000)), nanos: (waitMs % 1000) * 1e6 }
    const value: AcquireLockRequest = {
      ...{
        lease: '',
        leaseSecret: Buffer.alloc(0),
        requestId: randomUUID(),
        mode: Lock_Mode.EXCLUSIVE,
        wait,
      },
      ...{ reason: '', attributes: {}, requires: [], maxHold: undefined, lockDelay: undefined },
      ...{ overrideReason: '', validateOnly: false, ...options },
      scopes: [scopes].flat().map(scope),
    }
    return new Promise((resolve, reject) => {
      this.#send(
        { $case: 'acquireLock', value },
        (answer) => {
          if (answer.$case === 'granted') {
            resolve(answer.value)
            return true
          }
          if (answer.$case === 'acquireLock' && answer.value.answer?.$case === 'queued') {
            onQueued?.(answer.value.answer.value)
          }
          return false
        },
        reject,
      )
    })
  }

  async release({ name, fencingToken }: Pick<Lock, 'name' | 'fencingToken'>): Promise<bigint> {
    const value = { name, fencingToken, lease: '', leaseSecret: Buffer.alloc(0) }
    const answer = await this.call({ $case: 'releaseLock', value })
    if (answer.$case !== 'releaseLock') throw new Error(`answered with ${answer.$case}`)
    return answer.value.revision
  }

  /** Beats the lease. False when it is not alive. */
  async beat(): Promise<boolean> {
    const beats = [{ lease: this.lease, secret: this.secret }]
    const answer = await this.call({ $case: 'keepAlive', value: { beats } })
    return answer.$case === 'keepAlive' && answer.value.results[0]!.error === undefined
  }

  call(call: NonNullable<SessionCall['call']>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#send(
        call,
        (answer) => {
          resolve(answer)
          return true
        },
        reject,
      )
    })
  }

  /** Cuts the stream; the lease stays. */
  cut(): void {
    this.#stream.cancel()
  }

  /** Ends the stream from this side, and waits for its other end. */
  async finish(): Promise<void> {
    this.#stream.end()
    await once(this.#stream, 'end')
  }

  /** A new stream in place of one that was cut, at the same server or another. */
  reopen(locks = this.#locks): void {
    this.#fail(new Error('the stream was cut'))
    this.#locks = locks
    this.#stream = this.#open()
  }

  [Symbol.dispose](): void {
    this.cut()
  }

  #send(
    call: NonNullable<SessionCall['call']>,
    take: (answer: Answer) => boolean,
    reject: (error: unknown) => void,
  ): void {
    const callId = ++this.#callId
    this.#calls.set(callId, {
      take: (answer) => {
        if (answer.$case === 'error') {
          this.#calls.delete(callId)
          reject(new Refused(answer.value))
        } else if (take(answer)) this.#calls.delete(callId)
      },
      fail: reject,
    })
    this.#stream.write({ calls: [{ callId, call }] })
  }

  #fail(error: unknown): void {
    for (const { fail } of this.#calls.values()) fail(error)
    this.#calls.clear()
  }

  #open(): ReturnType<LockServiceClient['session']> {
    const stream = this.#locks.session()
    stream.on('data', ({ answers }: { answers: SessionAnswer[] }) => {
      for (const { callId, answer } of answers) {
        if (answer?.$case === 'lockChanged') this.told.push(answer.value)
        else if (answer !== undefined) this.#calls.get(callId)?.take(answer)
      }
    })
    stream.on('error', (error) => {
      // Of a stream that was replaced: its calls have failed already.
      if (stream === this.#stream) this.#fail(error)
    })
    return stream
  }
}
