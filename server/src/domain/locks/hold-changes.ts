import { type Hold, type Hold_LiftCause, Hold_State } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { Lock_EndCause } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { attemptOf, blocks } from './attempt.ts'
import { endLock } from './lock-changes.ts'
import { isWaiting } from './lock-table.ts'

/** How a hold is lifted: by what, by whom, and what they said. */
export interface Lift {
  cause: Hold_LiftCause
  by: string
  reason: string
}

/** Lifts a hold, within `revise`. Nobody waits for a hold, so nobody is granted by it. */
export function liftHold(state: WorkingSet, row: Row<'hold'>, { cause, by, reason }: Lift): Row<'hold'> {
  return state.put('hold', {
    ...row.resource,
    state: Hold_State.LIFTED,
    liftCause: cause,
    liftTime: state.nowTimestamp,
    liftedBy: by,
    liftReason: reason,
  })
}

/** Ends the requests that wait and that a hold, new or amended, blocks: within its `revise`. */
export function refuseWaiters(state: WorkingSet, hold: Hold): void {
  for (const row of state.locks.waitersFor([hold.scope!])) {
    const lock = row.resource
    // The end of one before it may have granted or ended it.
    if (!isWaiting(row) || lock.overrideReason !== '' || !blocks(hold, attemptOf(lock, row.id))) continue
    endLock(state, row, { cause: Lock_EndCause.BLOCKED, by: hold.author, reason: hold.reason })
  }
}
