import { setTimeout as pause } from 'node:timers/promises'
import { beatLeases, isOfOldEpoch, type LeaseDraft, type OpenedLease, openLease } from '../store/leases.ts'
import type { Store } from '../store/store.ts'

/** A heartbeat of one lease. */
export interface Beat {
  id: string
  secretHash: Buffer
}

/** The most beats of one statement. */
const MAX_BEATS = 2000

/**
 * How long beats gather after a batch, unless they are many. A lease lives for a second at the least and its client
 * counts from when it sent, so an answer that comes so much later costs nobody anything; a statement for every few
 * beats cost a quarter of the server's CPU for 10,000 leases (`npm run bench -- leases`).
 */
const TICK_MS = 25
const MANY_BEATS = 500

/**
 * The leases of this server's clients. Heartbeats are not in the ledger's order: one that comes alone is written at
 * once, those that come within a tick after it are the next batch, and each is answered after its commit.
 */
export class LeaseKeeper {
  readonly #store: Store
  #queue: { beat: Beat; resolve: (ttlMs: number | undefined) => void; reject: (error: unknown) => void }[] =
    []
  #running = false

  constructor(store: Store) {
    this.#store = store
  }

  open(draft: LeaseDraft): Promise<OpenedLease | undefined> {
    return openLease(this.#store, draft)
  }

  /** Beats a lease. Gives its TTL in milliseconds; undefined when it is not alive or the secret is another. */
  beat(beat: Beat): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ beat, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  /** Whether a lease that is not alive ended with an epoch of the ledger. */
  isOfOldEpoch(id: string): Promise<boolean> {
    return isOfOldEpoch(this.#store, id)
  }

  async #run(): Promise<void> {
    this.#running = true
    await null
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BEATS)
      const began = performance.now()
      try {
        const alive = await beatLeases(
          this.#store,
          batch.map(({ beat }) => beat),
        )
        for (const { beat, resolve } of batch) resolve(alive.get(beat.id))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
      const restMs = TICK_MS - (performance.now() - began)
      if (this.#queue.length < MANY_BEATS && restMs > 0) await pause(restMs)
    }
    this.#running = false
  }
}
