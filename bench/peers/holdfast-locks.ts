import { randomBytes, randomUUID } from 'node:crypto'
import { credentials } from '@grpc/grpc-js'
import { HoldServiceClient, PlaceHoldRequest } from '../../proto/gen/holdfast/v1/hold_service.ts'
import type { Lock } from '../../proto/gen/holdfast/v1/lock.ts'
import {
  AcquireLockRequest,
  LockServiceClient,
  type SessionAnswer,
  type SessionCall,
} from '../../proto/gen/holdfast/v1/lock_service.ts'
import type { LockSide } from '../harness/lock-side.ts'
import { channelOptions } from '../harness/watch-channels.ts'

type Call = NonNullable<SessionCall['call']>
type Answer = NonNullable<SessionAnswer['answer']>

const LEASE_S = 600n
const WAIT_S = 60n

/**
 * Holdfast without the SDK: one session stream on one connection, one lease that stays. Calls of one turn of the event
 * loop go out as one message, as the SDK sends them.
 */
export class HoldfastLocks implements LockSide {
  readonly name = 'Holdfast'
  readonly lease = randomUUID()
  readonly secret = randomBytes(16)
  readonly #client: LockServiceClient
  readonly #holds: HoldServiceClient
  readonly #stream: ReturnType<LockServiceClient['session']>
  readonly #answers = new Map<bigint, { take: (answer: Answer) => boolean; fail: (error: Error) => void }>()
  #unsent: SessionCall[] = []
  #callId = 0n

  constructor(address: string) {
    this.#client = new LockServiceClient(address, credentials.createInsecure(), channelOptions)
    this.#holds = new HoldServiceClient(address, credentials.createInsecure(), channelOptions)
    this.#stream = this.#client.session()
    this.#stream.on('data', ({ answers }: { answers: SessionAnswer[] }) => {
      for (const { callId, answer } of answers) {
        if (this.#answers.get(callId)?.take(answer!)) this.#answers.delete(callId)
      }
    })
    this.#stream.on('error', (error) => {
      for (const { fail } of this.#answers.values()) fail(error)
      this.#answers.clear()
    })
  }

  /** Opens the lease, which all workers share, as the locks of one process do. */
  async prepare(_workers = 1, ttlS = LEASE_S): Promise<void> {
    const { lease: leaseId, secret } = this
    const ttl = { seconds: ttlS, nanos: 0 }
    await this.call({ $case: 'createLease', value: { leaseId, secret, ttl, owner: 'bench' } })
  }

  async acquire(_worker: number, lock: string): Promise<() => Promise<unknown>> {
    const { name, fencingToken } = await this.acquired({ service: lock })
    const value = { name, fencingToken, lease: '', leaseSecret: Buffer.alloc(0) }
    return () => this.call({ $case: 'releaseLock', value })
  }

  /** Waits for a lock on a service, or what else the request says. */
  async acquired({ service, ...options }: { service: string } & Partial<AcquireLockRequest>): Promise<Lock> {
    const value: AcquireLockRequest = {
      ...AcquireLockRequest.create(),
      requestId: randomUUID(),
      scopes: [{ environment: 'production', service, machine: '', name: '' }],
      wait: { seconds: WAIT_S, nanos: 0 },
      ...options,
    }
    const answer = await this.call({ $case: 'acquireLock', value })
    if (answer.$case !== 'acquireLock' || answer.value.answer?.$case !== 'granted')
      throw new Error('not granted')
    return answer.value.answer.value.lock!
  }

  /** Puts up a hold on a service. */
  hold(service: string): Promise<void> {
    const scope = { environment: 'production', service, machine: '', name: '' }
    return new Promise((resolve, reject) => {
      this.#holds.placeHold(PlaceHoldRequest.fromPartial({ scope, reason: 'bench' }), (error) =>
        error === null ? resolve() : reject(error),
      )
    })
  }

  /** Calls, and gives the last answer. */
  call(call: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const callId = ++this.#callId
      const take = (answer: Answer): boolean => {
        if (answer.$case === 'error') reject(new Error(answer.value.message))
        else if (answer.$case === 'acquireLock' && answer.value.answer?.$case === 'queued') return false
        else resolve(answer)
        return true
      }
      this.#answers.set(callId, { take, fail: reject })
      this.#unsent.push({ callId, call })
      if (this.#unsent.length === 1) queueMicrotask(() => this.#send())
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream.on('error', () => {}).cancel()
    this.#client.close()
    this.#holds.close()
  }

  #send(): void {
    const calls = this.#unsent
    this.#unsent = []
    this.#stream.write({ calls })
  }
}
