import type { Logger } from 'pino'
import { DAY_MS } from '../domain/instant.ts'
import { compactChanges } from '../store/compact-changes.ts'
import type { Store } from '../store/store.ts'
import { Sweep } from './sweep.ts'

/** Forgets the history of the state past its retention. What stood then stays readable from there on. */
export class ChangeCompaction extends Sweep {
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
    const before = new Date(this.#now().getTime() - this.#retentionDays * DAY_MS)
    const compacted = await compactChanges(this.#store, before)
    if (compacted !== undefined) this.log.info({ compacted }, 'compacted changes past their retention')
  }
}
