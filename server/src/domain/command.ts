import type { LoadKeys } from './load-keys.ts'
import type { WorkingSet } from './working-set.ts'

/**
 * One request to change the state. `collect` names the rows it wants to see; `decide` changes the working set,
 * or throws a HoldfastError before it has changed anything: then it alone is refused.
 */
export interface Command<Result> {
  /** About how much memory it holds, in bytes: what the writer's queue is limited by. */
  readonly size: number
  /**
   * Whether it asks for nothing, most often, but what a writer has at hand of locks and leases: then it may be decided
   * before the ledger is locked.
   */
  readonly isAtHand?: boolean
  collect(keys: LoadKeys): void
  decide(state: WorkingSet): Result
}
