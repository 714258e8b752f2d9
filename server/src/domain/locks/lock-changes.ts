import { type Lock, Lock_EndCause, Lock_Mode, Lock_State } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import { idOf } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import { abandonRuns } from '../runs/abandon-runs.ts'
import type { WorkingSet } from '../working-set.ts'
import { attemptOf } from './attempt.ts'
import { mustWait, refusing } from './blockers.ts'
import { isLive } from './lease.ts'
import { isWaiting } from './lock-table.ts'
import { contains } from './scope.ts'

/** How a lock ends: why, who did it, and what they said. */
export interface End {
  cause: Lock_EndCause
  by: string
  reason: string
}

/** Grants a request that is new or has waited, within `revise`. */
export function grant(state: WorkingSet, lock: Lock): Row<'lock'> {
  return state.put('lock', {
    ...lock,
    state: Lock_State.HELD,
    fencingToken: state.putRevision,
    ledgerEpoch: state.epoch,
    grantTime: state.nowTimestamp,
    waitDeadline: undefined,
  })
}

/** Ends a lock within `revise`, and grants those who waited for it in the same revision. */
export function endLock(state: WorkingSet, row: Row<'lock'>, end: End): void {
  const { scopes } = row.resource
  markEnded(state, row, end)
  promote(state, scopes)
}

/** Ends several locks within `revise`, then grants those who waited for any of them. */
export function endLocks(state: WorkingSet, rows: readonly Row<'lock'>[], end: End): void {
  for (const row of rows) markEnded(state, row, end)
  promote(
    state,
    rows.flatMap(({ resource }) => resource.scopes),
  )
}

/**
 * Grants, first come first served, the requests that waited for scopes that were freed and have nothing in the way
 * any more. One whose lease is not at hand, or seems dead, is left to the next sweep: it waits on, so that nobody
 * passes it. Only the sweep ends leases, since it alone knows of outages in which nobody could beat.
 */
export function promote(state: WorkingSet, freed: readonly Scope[]): void {
  for (const row of state.locks.waitersFor(freed)) {
    if (!isWaiting(row)) continue
    const lock = row.resource
    const attempt = attemptOf(lock, row.id)
    if (!mustWait(state, attempt)) {
      if (!isLive(state.leases.get(idOf(lock.lease)), state.now)) state.locks.leaveUnsettled(lock.scopes)
      else {
        const [blocker] = refusing(state, attempt)
        if (blocker !== undefined && lock.overrideReason === '') {
          endLock(state, row, { cause: Lock_EndCause.BLOCKED, by: blocker.who, reason: blocker.reason })
          continue
        }
        grant(state, lock)
      }
    }
    // Nobody behind it can have any of what was freed.
    if (
      lock.mode === Lock_Mode.EXCLUSIVE &&
      freed.every((scope) => lock.scopes.some((outer) => contains(outer, scope)))
    )
      return
  }
}

/** How many requests that wait are looked at for a scope that may be freed. */
const WAITERS_AT_HAND = 100

/** The leases that `promote` may ask for when these scopes are freed. */
export function leasesWaitingFor(state: Pick<WorkingSet, 'locks'>, scopes: readonly Scope[]): string[] {
  return state.locks
    .waitersFor(scopes)
    .slice(0, WAITERS_AT_HAND)
    .map(({ resource }) => idOf(resource.lease))
}

/** Ends a lock and the runs that go on under it, which can tell no more. */
function markEnded(state: WorkingSet, row: Row<'lock'>, { cause, by, reason }: End): void {
  const lock = row.resource
  state.put('lock', {
    ...lock,
    runs: [],
    state: Lock_State.ENDED,
    endCause: cause,
    endTime: state.nowTimestamp,
    endedBy: by,
    endReason: reason,
    waitDeadline: undefined,
  })
  abandonRuns(state, lock, { by, reason })
}
