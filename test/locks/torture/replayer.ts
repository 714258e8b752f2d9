import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import { Lock_Mode } from '../../../proto/gen/holdfast/v1/lock.ts'
import { LockServiceClient } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { LockClient, Refused } from '../lock-client.ts'
import type { Random } from './random.ts'
import type { Told } from './told.ts'
import { randomScope, TTL_MS } from './wishes.ts'

/**
 * A client that sends each request to all servers at the same moment, under one lease, and again until one answers: as
 * who retries without knowing what became of the first try.
 */
export class Replayer {
  readonly #random: Random
  readonly #addresses: readonly string[]
  readonly #tell: (told: Told) => void
  #connections: LockServiceClient[] = []
  #clients: LockClient[] = []

  constructor(random: Random, addresses: readonly string[], tell: (told: Told) => void) {
    this.#random = random
    this.#addresses = addresses
    this.#tell = tell
  }

  async run(isOver: () => boolean): Promise<void> {
    const beating = this.#beat(isOver)
    while (!isOver()) await this.#turn(isOver)
    await beating
    this.#drop()
  }

  async #turn(isOver: () => boolean): Promise<void> {
    const random = this.#random
    const scope = randomScope(random)
    const options = {
      requestId: randomUUID(),
      waitMs: random.chance(0.2) ? 0 : 3000,
      mode: random.chance(0.2) ? Lock_Mode.SHARED : Lock_Mode.EXCLUSIVE,
    }
    const granted = await this.#untilAnswered(isOver, (client) => client.acquire(scope, options))
    for (const { name, fencingToken: token, ledgerEpoch: epoch } of granted) {
      this.#tell({
        what: 'granted',
        lock: name,
        token,
        epoch,
        scopes: [scope],
        atNs: process.hrtime.bigint(),
      })
    }
    const [lock, ...others] = granted
    if (lock === undefined) return
    for (const { name, fencingToken } of others) {
      const answered = { again: name, againToken: fencingToken, atNs: process.hrtime.bigint() }
      this.#tell({ what: 'replayed', lock: lock.name, token: lock.fencingToken, ...answered })
    }
    await pause(random.between(0, 20))
    await this.#untilAnswered(isOver, (client) => client.release(lock))
  }

  /** Calls at all servers at once, until one answers. Gives the answers; none when it was refused, or is over. */
  async #untilAnswered<T>(isOver: () => boolean, call: (client: LockClient) => Promise<T>): Promise<T[]> {
    while (!isOver()) {
      if (this.#clients.length === 0 && !(await this.#connect())) continue
      const outcomes = await Promise.all(this.#clients.map((client) => settled(call(client), 5000)))
      const values = outcomes.flatMap((outcome) => ('value' in outcome ? [outcome.value] : []))
      const reasons = outcomes.flatMap((outcome) => ('refused' in outcome ? [outcome.refused] : []))
      if (values.length + reasons.length < outcomes.length || reasons.includes('LEASE_EXPIRED')) this.#drop()
      if (values.length > 0) return values
      if (reasons.some((reason) => !PASSING.has(reason))) return []
    }
    return []
  }

  async #connect(): Promise<boolean> {
    const connections = this.#addresses.map(
      (address) =>
        new LockServiceClient(address, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 }),
    )
    this.#connections = connections
    const first = await settled(LockClient.open(connections[0]!, { ttlMs: TTL_MS, owner: 'replayer' }), 2000)
    if ('value' in first) {
      this.#clients.push(first.value)
      const second = await settled(
        LockClient.open(connections[1]!, { ttlMs: TTL_MS, owner: 'replayer', lease: first.value }),
        2000,
      )
      if ('value' in second) this.#clients.push(second.value)
    }
    if (this.#clients.length === connections.length) return true
    this.#drop()
    await pause(50)
    return false
  }

  #drop(): void {
    for (const client of this.#clients) client.cut()
    for (const connection of this.#connections) connection.close()
    this.#clients = []
    this.#connections = []
  }

  async #beat(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await Promise.all(this.#clients.map((client) => settled(client.beat(), TTL_MS / 3)))
      await pause(TTL_MS / 3)
    }
  }
}

/** What says nothing of the request itself. */
const PASSING = new Set(['STORE_UNAVAILABLE', 'SERVER_DRAINING', 'QUOTA_EXCEEDED', 'INTERNAL'])

async function settled<T>(
  promise: Promise<T>,
  limitMs: number,
): Promise<{ value: T } | { refused: string } | { failed: true }> {
  const timer = new AbortController()
  const late = pause(limitMs, undefined, { signal: timer.signal }).then(
    () => ({ failed: true as const }),
    () => ({ failed: true as const }),
  )
  try {
    return await Promise.race([promise.then((value) => ({ value })), late])
  } catch (error) {
    return error instanceof Refused ? { refused: error.reason } : { failed: true }
  } finally {
    timer.abort()
  }
}
