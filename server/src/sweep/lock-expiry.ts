import type { Logger } from 'pino'
import type { Instant } from '../domain/instant.ts'
import { EndDue } from '../domain/locks/end-due.ts'
import { ExpireLeases } from '../domain/locks/end-leases.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { forgetLeases, readLeaseClock } from '../store/leases.ts'
import type { Store } from '../store/store.ts'
import { Sweep } from './sweep.ts'

const LEAST_MS = 20
const MOST_MS = 250
const FORGET_EVERY_MS = 3_600_000

/**
 * Ends the leases whose time is over, and does what else of locks is due. Looks four times a second, and sooner when a
 * lease will be due before; on several servers at once it does no harm: the ledger decides.
 */
export class LockExpiry extends Sweep {
  readonly #store: Store
  readonly #ledger: Ledger
  #foreign = -1
  #epoch = 0n
  #forgotAt = Number.NEGATIVE_INFINITY
  #ending: Promise<void> | undefined

  constructor({ store, ledger, log }: { store: Store; ledger: Ledger; log: Logger }) {
    super({ log, everyMs: MOST_MS })
    this.#store = store
    this.#ledger = ledger
  }

  async step(): Promise<number> {
    const { now, due, nextAt, epoch } = await readLeaseClock(this.#store)
    // The next look does not wait for it: while the writer is busy, heartbeats are served all the same.
    this.#ending ??= this.#end(due, now, epoch).finally(() => {
      this.#ending = undefined
    })
    if (performance.now() - this.#forgotAt > FORGET_EVERY_MS) {
      this.#forgotAt = performance.now()
      await forgetLeases(this.#store)
    }
    if (nextAt === undefined) return MOST_MS
    return Math.min(Math.max(Number(nextAt - now) / 1000 + 1, LEAST_MS), MOST_MS)
  }

  override async stop(): Promise<void> {
    await super.stop()
    await this.#ending
  }

  /** Never rejects. */
  async #end(due: string[], now: Instant, epoch: bigint): Promise<void> {
    try {
      if (due.length > 0) {
        const expired = await this.#ledger.submit(new ExpireLeases(due))
        if (expired > 0) this.log.info({ expired }, 'leases expired')
      }
      // What other servers changed is in the writer's table only once it has written again.
      const { foreign } = this.#ledger.lockSignals
      if (foreign !== this.#foreign || epoch !== this.#epoch || this.#ledger.hasDueLocks(now)) {
        await this.#ledger.submit(new EndDue())
        this.#foreign = foreign
        this.#epoch = epoch
      }
    } catch (error) {
      this.log.warn({ err: error }, 'what was due of locks could not be ended; trying again')
    }
  }
}
