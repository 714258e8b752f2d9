import { compactChanges } from '../store/compact-changes.ts'
import { RetentionSweep } from './retention-sweep.ts'

/** Forgets the history of the state past its retention. What stood then stays readable from there on. */
export class ChangeCompaction extends RetentionSweep {
  protected async expire({ before }: { before: Date }): Promise<void> {
    const compacted = await compactChanges(this.store, before)
    if (compacted !== undefined) this.log.info({ compacted }, 'compacted changes past their retention')
  }
}
