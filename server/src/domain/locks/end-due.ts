import { Hold_LiftCause } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { Lock, Lock_EndCause, Lock_State } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import type { Command } from '../command.ts'
import type { Instant } from '../instant.ts'
import type { LoadKeys } from '../load-keys.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { liftHold } from './hold-changes.ts'
import { type End, endLock, leasesWaitingFor, promote } from './lock-changes.ts'
import { isHeld, isWaiting, type LockTable } from './lock-table.ts'

const END_OF_WAIT = { cause: Lock_EndCause.WAIT_TIMED_OUT, by: '', reason: 'it waited to its limit' }
const END_OF_HOLD = { cause: Lock_EndCause.MAX_HOLD, by: '', reason: 'it was held as long as it may be' }
const END_OF_EPOCH = {
  cause: Lock_EndCause.EPOCH_CHANGED,
  by: '',
  reason: 'the ledger began a new epoch, and cannot vouch for what was granted before',
}

/** A lock that was granted in revisions which the database has lost: all that its holder needs to be told. */
export const lostLock = (name: string): Lock =>
  Lock.fromPartial({
    name,
    state: Lock_State.ENDED,
    endCause: END_OF_EPOCH.cause,
    endReason: END_OF_EPOCH.reason,
  })

/**
 * Does what is due by the database's clock: waits and holds that are over, delays that have passed, locks that were
 * granted in an epoch before this one, and grants that had to be left for now.
 */
export class EndDue implements Command<number> {
  readonly size = 1000

  collect(keys: LoadKeys): void {
    keys.endingLocks(({ locks, now, epoch }) => [
      ...[...locks.locks].filter((row) => isOfAnotherEpoch(row, epoch)),
      ...locks.dueAt(now).filter((row) => row.kind === 'lock'),
    ])
    keys.waitingLeases((table) => {
      const delayed = [...table.locks.delays].flatMap(({ lock }) => lock.scopes)
      const due = [...table.locks.dueAt(table.now)].flatMap(({ resource }) =>
        'scopes' in resource ? resource.scopes : resource.scope === undefined ? [] : [resource.scope],
      )
      const opened = table.locks.isToOpen(table.now) ? allWaitedFor(table.locks) : []
      return leasesWaitingFor(table, [...delayed, ...due, ...opened, ...table.locks.unsettled])
    })
  }

  decide(state: WorkingSet): number {
    const before = state.head
    for (const row of state.locks.locks) {
      if (isOfAnotherEpoch(row, state.epoch)) end(state, row, END_OF_EPOCH)
    }
    const due = state.locks.dueAt(state.now).map((row) => ({ row, found: row.resource }))
    for (const { row, found } of due) {
      // Ended, or granted just now, by the end of one before it.
      if (row.resource !== found) continue
      if (row.kind === 'hold') {
        const hold = row as Row<'hold'>
        state.revise(() =>
          liftHold(state, hold, { cause: Hold_LiftCause.TIME, by: '', reason: 'its time came' }),
        )
      } else {
        const lock = row as Row<'lock'>
        end(state, lock, isWaiting(lock) ? END_OF_WAIT : END_OF_HOLD)
      }
    }
    settle(state)
    return Number(state.head - before)
  }
}

const isOfAnotherEpoch = (row: Row<'lock'>, epoch: bigint): boolean =>
  isHeld(row) && row.resource.ledgerEpoch !== epoch

const allWaitedFor = (table: LockTable): Scope[] =>
  [...table.locks].filter(isWaiting).flatMap(({ resource }) => resource.scopes)

function end(state: WorkingSet, row: Row<'lock'>, how: End): void {
  state.revise(() => endLock(state, row, how))
}

function settle(state: WorkingSet): void {
  const freed: Scope[] = state.locks.takeUnsettled()
  if (state.locks.isToOpen(state.now)) {
    state.locks.closeUntil(0n as Instant)
    freed.push(...allWaitedFor(state.locks))
  }
  for (const delay of [...state.locks.delays]) {
    if (delay.until > state.now) continue
    state.locks.forgetDelay(delay)
    freed.push(...delay.lock.scopes)
  }
  if (freed.length > 0) state.revise(() => promote(state, freed))
}
