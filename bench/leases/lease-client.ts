import { randomBytes, randomUUID } from 'node:crypto'
import { credentials } from '@grpc/grpc-js'
import { type KeepAliveResponse, LockServiceClient } from '../../proto/gen/holdfast/v1/lock_service.ts'
import { channelOptions } from '../harness/watch-channels.ts'

interface OpenLease {
  lease: string
  secret: Buffer
}

/** Leases that are opened and beaten on one connection of its own, without the SDK: it has one lease a process. */
export class LeaseClient {
  readonly #client: LockServiceClient
  readonly #stream: ReturnType<LockServiceClient['keepAlive']>
  readonly #leases: OpenLease[] = []
  /** Those that the server said are not alive. */
  readonly lost = new Set<string>()
  /** Who waits for answers, which come in the order of the messages. */
  readonly #waiting: { resolve: (response: KeepAliveResponse) => void; reject: (error: Error) => void }[] = []

  constructor(address: string) {
    this.#client = new LockServiceClient(address, credentials.createInsecure(), channelOptions)
    this.#stream = this.#client.keepAlive()
    this.#stream.on('data', (response: KeepAliveResponse) => this.#waiting.shift()?.resolve(response))
    this.#stream.on('error', (error) => {
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    })
  }

  async open(ttlMs: number): Promise<void> {
    const [leaseId, secret] = [randomUUID(), randomBytes(16)]
    const ttl = { seconds: BigInt(ttlMs / 1000), nanos: 0 }
    await new Promise<void>((resolve, reject) => {
      this.#client.createLease({ leaseId, secret, ttl, owner: 'bench' }, (error) =>
        error === null ? resolve() : reject(error),
      )
    })
    this.#leases.push({ lease: `leases/${leaseId}`, secret })
  }

  /** Beats `count` leases from the given one on, all in one message. */
  async beat(from: number, count: number): Promise<void> {
    const beats = this.#leases.slice(from, from + count)
    const { results } = await new Promise<KeepAliveResponse>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#stream.write({ beats })
    })
    for (const { lease, error } of results) if (error !== undefined) this.lost.add(lease)
  }

  close(): void {
    this.#stream.on('error', () => {}).cancel()
    this.#client.close()
  }
}
