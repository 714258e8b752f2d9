import type { Logger } from 'pino'
import { DAY_MS } from '../domain/instant.ts'
import { deleteRuns } from '../store/delete-runs.ts'
import type { Store } from '../store/store.ts'
import { Sweep } from './sweep.ts'

export interface RunRetentionOptions {
  store: Store
  log: Logger
  /** Runs that ended, and were recorded, longer ago are deleted. */
  retentionDays: number
  /** Of more runs than these the oldest are deleted. */
  maxRuns: number
  now?: () => Date
}

/** Deletes old runs with their logs, and keeps the last successful run of every target. */
export class RunRetention extends Sweep {
  readonly #options: RunRetentionOptions

  constructor(options: RunRetentionOptions) {
    super({ log: options.log, everyMs: 3_600_000 })
    this.#options = options
  }

  async step(): Promise<void> {
    const { store, retentionDays, maxRuns: keep, now = () => new Date() } = this.#options
    const before = new Date(now().getTime() - retentionDays * DAY_MS)
    const deleted = await deleteRuns(store, { before, keep })
    if (deleted > 0) this.log.info({ deleted }, 'deleted runs past their retention')
  }
}
