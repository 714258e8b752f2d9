import type { Logger } from 'pino'
import { DAY_MS, dateFromInstant } from '../domain/instant.ts'
import { readLedger } from '../store/read-ledger.ts'
import type { Store } from '../store/store.ts'
import { Sweep } from './sweep.ts'

export interface RetentionOptions {
  store: Store
  log: Logger
  /** What is older goes. */
  retentionDays: number
  /** @defaultValue the database's clock */
  now?: () => Date
}

/** Deletes for good what is past its retention, each hour: by the database's clock, since a server's own may be wrong. */
export abstract class RetentionSweep extends Sweep {
  protected readonly store: Store
  readonly #retentionDays: number
  readonly #now: (() => Date) | undefined

  constructor({ store, log, retentionDays, now }: RetentionOptions) {
    super({ log, everyMs: 3_600_000 })
    this.store = store
    this.#retentionDays = retentionDays
    this.#now = now
  }

  protected abstract expire(at: { now: Date; before: Date }): Promise<void>

  async step(): Promise<void> {
    const now = this.#now?.() ?? dateFromInstant((await readLedger(this.store)).clock)
    await this.expire({ now, before: new Date(now.getTime() - this.#retentionDays * DAY_MS) })
  }
}
