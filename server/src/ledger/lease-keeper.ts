import { beatLeases, type LeaseDraft, type OpenedLease, openLease } from '../store/leases.ts'
import type { Store } from '../store/store.ts'

/** A heartbeat of one lease. */
export interface Beat {
  id: string
  secretHash: Buffer
}

/** The most beats of one statement. */
const MAX_BEATS = 2000

/**
 * The leases of this server's clients. Heartbeats are not in the ledger's order: those that come in while a batch is
 * being written are the next batch, and each is answered after its commit.
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

  async #run(): Promise<void> {
    this.#running = true
    await null
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, MAX_BEATS)
      try {
        const alive = await beatLeases(
          this.#store,
          batch.map(({ beat }) => beat),
        )
        for (const { beat, resolve } of batch) resolve(alive.get(beat.id))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      }
    }
    this.#running = false
  }
}
