import type { Logger } from 'pino'
import { AbandonOverdue } from '../domain/runs/abandon-overdue.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { overdueConverges } from '../store/overdue-converges.ts'
import type { Store } from '../store/store.ts'
import { Sweep } from './sweep.ts'

export interface OverdueConvergesOptions {
  store: Store
  ledger: Ledger
  log: Logger
  /** How long after it was first told of a converge is given up. */
  hours: number
}

/**
 * Abandons converges whose end never came, such as that of a node that went down meanwhile: chef-client sends each
 * message once. Where the end does come late, it is the end of the run after all.
 */
export class OverdueConverges extends Sweep {
  readonly #options: OverdueConvergesOptions

  constructor(options: OverdueConvergesOptions) {
    super({ log: options.log, everyMs: 60_000 })
    this.#options = options
  }

  async step(): Promise<void> {
    const { store, ledger, hours } = this.#options
    for (;;) {
      const names = await overdueConverges(store, hours)
      if (names.length === 0) return
      const abandoned = await ledger.submit(new AbandonOverdue(names, hours))
      if (abandoned === 0) return
      this.log.info({ abandoned }, 'converges were abandoned, since nobody told their end')
    }
  }
}
