import { type AcquiredLock, Holdfast } from '@holdfast/sdk'
import type { LockSide } from '../harness/lock-side.ts'

/** How long an acquire waits for a lock that others hold. */
const waitMs = 60_000

/**
 * Holdfast through its SDK, as programs use it: one client, whose locks share a lease of the default TTL that a thread
 * beats, and one session stream. The workers are tasks of one process.
 */
export class HoldfastLocks implements LockSide {
  readonly name: string
  readonly client: Holdfast
  /** Keeps the lease while the other sides have their turn. */
  #standing: AcquiredLock | undefined

  constructor(address: string, name: string) {
    this.name = name
    this.client = Holdfast.lazy({ address })
  }

  async prepare(): Promise<void> {
    this.#standing ??= await this.client.acquireLock('name:standing')
  }

  async acquire(_worker: number, lock: string): Promise<() => Promise<void>> {
    const held = await this.client.acquireLock({ environment: 'production', service: lock }, { waitMs })
    return () => held.release()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#standing?.release()
    this.client.close()
  }
}
