import type { Lock } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Command } from '../command.ts'
import type { WorkingSet } from '../working-set.ts'
import { leaseName } from './lease.ts'

/** The locks of a lease that are held or wait, for who comes back to it. Changes nothing. */
export class DescribeLease implements Command<Lock[]> {
  readonly size = 100
  readonly isAtHand = true
  readonly #id: string

  constructor(id: string) {
    this.#id = id
  }

  collect(): void {}

  decide(state: WorkingSet): Lock[] {
    return state.locks.locksOf(leaseName(this.#id)).map(({ resource }) => resource)
  }
}
