import type { Logger } from 'pino'
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

  constructor({ store, ledger, log }: { store: Store; ledger: Ledger; log: Logger }) {
    super({ log, everyMs: MOST_MS })
    this.#store = store
    this.#ledger = ledger
  }

  async step(): Promise<number> {
    const { now, due, nextAt, epoch } = await readLeaseClock(this.#store)
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
    if (performance.now() - this.#forgotAt > FORGET_EVERY_MS) {
      this.#forgotAt = performance.now()
      await forgetLeases(this.#store)
    }
    if (nextAt === undefined) return MOST_MS
    return Math.min(Math.max(Number(nextAt - now) / 1000 + 1, LEAST_MS), MOST_MS)
  }
}
