import type { Logger } from 'pino'
import { monthOf, nextMonth } from '../store/event-partitions.ts'
import type { Store } from '../store/store.ts'
import { Sweep } from './sweep.ts'

/** Makes the partitions of this month and the next two before they are needed, and drops months past retention. */
export class EventUpkeep extends Sweep {
  readonly #store: Store
  readonly #retentionDays: number
  readonly #now: () => Date

  constructor(options: { store: Store; log: Logger; retentionDays: number; now?: () => Date }) {
    super({ log: options.log, everyMs: 3_600_000 })
    this.#store = options.store
    this.#retentionDays = options.retentionDays
    this.#now = options.now ?? (() => new Date())
  }

  async step(): Promise<void> {
    const now = this.#now()
    const month = monthOf(BigInt(now.getTime()) * 1000n)
    const next = nextMonth(month)
    await this.#store.partitions.ensure([month, next, nextMonth(next)])
    const dropped = await this.#store.partitions.dropExpired(now, this.#retentionDays)
    if (dropped.length > 0) this.log.info({ dropped }, 'dropped events past their retention')
  }
}
