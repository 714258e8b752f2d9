import { deleteRuns } from '../store/delete-runs.ts'
import { type RetentionOptions, RetentionSweep } from './retention-sweep.ts'

/** Deletes old runs with their logs, and keeps the last successful run of every target. */
export class RunRetention extends RetentionSweep {
  readonly #maxRuns: number

  /** Of more runs than `maxRuns` the oldest are deleted; by age, those that ended, and were recorded, too long ago. */
  constructor({ maxRuns, ...options }: RetentionOptions & { maxRuns: number }) {
    super(options)
    this.#maxRuns = maxRuns
  }

  protected async expire({ before }: { before: Date }): Promise<void> {
    const deleted = await deleteRuns(this.store, { before, keep: this.#maxRuns })
    if (deleted > 0) this.log.info({ deleted }, 'deleted runs past their retention')
  }
}
