import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import { type Lock, Lock_Mode } from '../../../proto/gen/holdfast/v1/lock.ts'
import { LockServiceClient, type VerifyFenceResponse } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { called } from '../../watch/reports.ts'
import { LockClient, Refused } from '../lock-client.ts'
import type { PassedFence } from './history-check.ts'
import type { Random } from './random.ts'

const TTL_MS = 2000
const SCOPES = [
  ...['production', 'production/airship', 'production/airship/web-0', 'production/airship/web-1'],
  ...[
    'production/mast',
    'production/mast/web-0',
    '*/*/web-0',
    'staging',
    'staging/airship',
    'staging/mast/web-1',
  ],
  ...['name:db-migration', 'name:dns'],
]

/** What becomes of a call: its answer, its refusal, or nothing within the time. */
type Outcome<T> = { value: T } | { refused: Refused } | undefined

/**
 * A client that acquires and releases as a seed says, at one server after another, sends again what was not answered,
 * and now and then stops for longer than its lease lives.
 */
export class RandomClient {
  readonly fences: PassedFence[] = []
  grants = 0
  #random: Random
  #addresses: readonly string[]
  #connection: LockServiceClient | undefined
  #client: LockClient | undefined
  #beating = true

  constructor(random: Random, addresses: readonly string[]) {
    this.#random = random
    this.#addresses = addresses
  }

  async run(isOver: () => boolean): Promise<void> {
    const beating = this.#beat(isOver)
    while (!isOver()) await this.#turn(isOver)
    await beating
    this.#client?.[Symbol.dispose]()
    this.#connection?.close()
  }

  async #turn(isOver: () => boolean): Promise<void> {
    const random = this.#random
    const wanted = {
      scopes: Array.from({ length: random.chance(0.2) ? 2 : 1 }, () => random.of(SCOPES)),
      options: {
        requestId: randomUUID(),
        waitMs: random.chance(0.2) ? 0 : Math.round(random.between(500, 6000)),
        mode: random.chance(0.2) ? Lock_Mode.SHARED : Lock_Mode.EXCLUSIVE,
        lockDelay: random.chance(0.1) ? { seconds: 1n, nanos: 0 } : undefined,
      },
    }
    const acquired = await this.#again(isOver, (client) => client.acquire(wanted.scopes, wanted.options))
    if (acquired === undefined || !('value' in acquired)) return
    this.grants++
    const lock = acquired.value
    if (random.chance(0.5)) await this.#verify(lock)
    if (random.chance(0.02)) {
      this.#beating = false
      await pause(random.between(TTL_MS, 2 * TTL_MS))
      await this.#verify(lock)
      this.#beating = true
    } else await pause(random.between(0, 60))
    await this.#again(isOver, (client) => client.release(lock))
  }

  /** Calls until there is an answer, each time at another server. Nothing when the time is over. */
  async #again<T>(isOver: () => boolean, call: (client: LockClient) => Promise<T>): Promise<Outcome<T>> {
    while (!isOver()) {
      const client = this.#client ?? (await this.#connect())
      const outcome = client && (await settled(call(client), this.#random.between(1000, 3000)))
      if (outcome !== undefined && !isPassing(outcome)) {
        // A new process in its place.
        if ('refused' in outcome && outcome.refused.reason === 'LEASE_EXPIRED') this.#forget()
        return outcome
      }
      await this.#connect()
    }
    return undefined
  }

  /** A new connection, for the lease that there is or a new one. */
  async #connect(): Promise<LockClient | undefined> {
    this.#connection?.close()
    const options = { 'grpc.use_local_subchannel_pool': 1 }
    const connection = new LockServiceClient(
      this.#random.of(this.#addresses),
      credentials.createInsecure(),
      options,
    )
    this.#connection = connection
    if (this.#client === undefined) {
      const opened = await settled(LockClient.open(connection, { ttlMs: TTL_MS }), 2000)
      if (opened !== undefined && 'value' in opened) this.#client = opened.value
      return this.#client
    }
    this.#client.cut()
    this.#client.reopen(connection)
    const attached = await settled(this.#client.attach(TTL_MS), 2000)
    if (attached !== undefined && 'refused' in attached && !isPassing(attached)) this.#forget()
    if (attached === undefined) await pause(50)
    return this.#client
  }

  #forget(): void {
    this.#client?.cut()
    this.#client = undefined
  }

  async #beat(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      if (this.#beating && this.#client !== undefined) await settled(this.#client.beat(), TTL_MS / 3)
      await pause(TTL_MS / 3)
    }
  }

  async #verify({ name: lock, ledgerEpoch, fencingToken }: Lock): Promise<void> {
    const connection = this.#connection
    if (connection === undefined) return
    const verified = await settled(
      called<VerifyFenceResponse>((done) =>
        connection.verifyFence({ lock, ledgerEpoch, fencingToken }, done),
      ),
      1000,
    )
    if (verified === undefined || !('value' in verified)) return
    this.fences.push({ lock, token: fencingToken, revision: verified.value.revision })
  }
}

const PASSING = new Set(['STORE_UNAVAILABLE', 'SERVER_DRAINING', 'QUOTA_EXCEEDED', 'INTERNAL'])

const isPassing = (outcome: { value: unknown } | { refused: Refused }): boolean =>
  'refused' in outcome && PASSING.has(outcome.refused.reason)

async function settled<T>(promise: Promise<T>, limitMs: number): Promise<Outcome<T>> {
  const timer = new AbortController()
  const late = pause(limitMs, undefined, { signal: timer.signal }).catch(() => undefined)
  try {
    return await Promise.race([promise.then((value) => ({ value })), late])
  } catch (error) {
    return error instanceof Refused ? { refused: error } : undefined
  } finally {
    timer.abort()
  }
}
