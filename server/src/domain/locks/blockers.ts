import type { Hold } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { type Blocker, Blocker_Kind, type Lock, Lock_Mode } from '../../../../proto/gen/holdfast/v1/lock.ts'
import { instantFromTimestamp, timestampFromInstant } from '../instant.ts'
import { conditionName, idOf } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { type Attempt, blocks } from './attempt.ts'
import { holdEnd, isHeld, isWaiting, type LockDelay } from './lock-table.ts'
import { overlaps, scopesText, scopeText } from './scope.ts'

/** Blockers, as many as are told of, and how many there are. */
export interface Blocked {
  blockers: readonly Blocker[]
  totalBlockers: number
}

/** What is in the way of an attempt. */
export interface InTheWay {
  /** A new epoch, locks, delays and earlier requests: they pass by themselves. */
  ahead: Blocked
  /** Holds and conditions that are not true: somebody must do something. */
  refusing: readonly Blocker[]
  /** How many requests that wait are before it. */
  waitersAhead: number
}

const NOTHING: InTheWay = { ahead: { blockers: [], totalBlockers: 0 }, refusing: [], waitersAhead: 0 }

/** Locks, or delays, that are told of. */
const MOST_TOLD = 100
/** Requests that wait, of those before it: of a thousand that wait each has the others in its way. */
const MOST_WAITERS = 10

/** Everything that is in the way of an attempt. */
export function inTheWay(state: WorkingSet, attempt: Attempt): InTheWay {
  const overlapping = state.locks.locksOverlapping(attempt.scopes)
  const refused = refusing(state, attempt)
  const quiet = state.locks.delays.length === 0 && !isClosed(state)
  if (overlapping.size === 0 && refused.length === 0 && quiet) return NOTHING
  const locks: Row<'lock'>[] = []
  const waiters: Row<'lock'>[] = []
  for (const row of overlapping) if (conflicts(row, attempt)) (isHeld(row) ? locks : waiters).push(row)
  for (const rows of [locks, waiters]) rows.sort((a, b) => (a.id < b.id ? -1 : 1))
  const closed = isClosed(state) ? [state] : []
  const delays = delaysInTheWay(state, attempt)
  return {
    ahead: {
      blockers: [
        ...closed.map(epochBlocker),
        ...locks.slice(0, MOST_TOLD).map(({ resource }) => lockBlocker(resource)),
        ...delays.slice(0, MOST_TOLD).map(delayBlocker),
        ...waiters.slice(0, MOST_WAITERS).map(({ resource }) => waiterBlocker(resource)),
      ],
      totalBlockers: closed.length + locks.length + delays.length + waiters.length,
    },
    refusing: refused,
    waitersAhead: waiters.length,
  }
}

/** Whether anything that passes by itself is in the way. */
export function mustWait(state: WorkingSet, attempt: Attempt): boolean {
  if (isClosed(state)) return true
  for (const row of state.locks.locksOverlapping(attempt.scopes)) if (conflicts(row, attempt)) return true
  return delaysInTheWay(state, attempt).length > 0
}

/** The holds and conditions that refuse an attempt, of which a request that waits dies. */
export function refusing(state: WorkingSet, attempt: Attempt): Blocker[] {
  const holds = holdsInTheWay(state, attempt).map(holdBlocker)
  if (attempt.requires.length === 0) return holds
  return [...holds, ...unmetConditions(state, attempt).map(conditionBlocker)]
}

/** Two that are shared live side by side; what waits counts for who came later. */
function conflicts(row: Row<'lock'>, { mode, ticket }: Attempt): boolean {
  if (ticket !== undefined && (row.id === ticket || (isWaiting(row) && row.id > ticket))) return false
  return mode !== Lock_Mode.SHARED || row.resource.mode !== Lock_Mode.SHARED
}

function holdsInTheWay(state: WorkingSet, attempt: Attempt): Hold[] {
  const holds: Hold[] = []
  for (const { resource: hold } of state.locks.holdsOverlapping(attempt.scopes)) {
    const over = hold.untilTime !== undefined && instantFromTimestamp(hold.untilTime) <= state.now
    if (!over && blocks(hold, attempt)) holds.push(hold)
  }
  return holds
}

/**
 * Of a request that waits a condition that is not at hand is true: it was when the request came, and who revokes it has it
 * at hand and ends the request. So nothing is loaded when its turn comes.
 */
function unmetConditions(state: WorkingSet, { requires, ticket }: Attempt): string[] {
  return requires.filter((id) => {
    const row = state.find('condition', conditionName(id))
    return row === undefined ? ticket === undefined : row.resource.revokeTime !== undefined
  })
}

function delaysInTheWay(state: WorkingSet, { scopes }: Attempt): LockDelay[] {
  return state.locks.delays.filter(
    ({ lock, until }) =>
      until > state.now && lock.scopes.some((scope) => scopes.some((other) => overlaps(scope, other))),
  )
}

const isClosed = ({ locks, now }: WorkingSet): boolean => locks.closedUntil > now

function epochBlocker({ locks }: WorkingSet): Blocker {
  return {
    kind: Blocker_Kind.NEW_EPOCH,
    resource: 'ledger',
    scopes: [],
    who: '',
    reason: 'the database was restored or failed over, and who held locks before may not know yet',
    sinceTime: undefined,
    untilTime: timestampFromInstant(locks.closedUntil),
    remedy: 'it passes by itself',
  }
}

function lockBlocker(lock: Lock): Blocker {
  const until = holdEnd(lock)
  return {
    kind: Blocker_Kind.LOCK,
    resource: lock.name,
    scopes: lock.scopes,
    who: whoOf(lock),
    reason: lock.reason,
    sinceTime: lock.grantTime,
    untilTime: until === undefined ? undefined : timestampFromInstant(until),
    remedy: `wait for it, or end it: holdfast unlock ${idOf(lock.name)} --reason …`,
  }
}

function waiterBlocker(lock: Lock): Blocker {
  return {
    kind: Blocker_Kind.WAITER,
    resource: lock.name,
    scopes: lock.scopes,
    who: whoOf(lock),
    reason: lock.reason,
    sinceTime: lock.createTime,
    untilTime: lock.waitDeadline,
    remedy: 'it came earlier: wait for its turn to pass',
  }
}

function delayBlocker({ lock, until }: LockDelay): Blocker {
  return {
    kind: Blocker_Kind.LOCK_DELAY,
    resource: lock.name,
    scopes: lock.scopes,
    who: whoOf(lock),
    reason: `its holder was lost while it held ${scopesText(lock.scopes)} and may still be at work`,
    sinceTime: lock.endTime,
    untilTime: timestampFromInstant(until),
    remedy: 'it passes by itself',
  }
}

function holdBlocker(hold: Hold): Blocker {
  const byItself =
    hold.untilCondition !== ''
      ? `holdfast satisfy ${hold.untilCondition}, or `
      : hold.untilTime !== undefined
        ? 'wait for its time, or '
        : ''
  return {
    kind: Blocker_Kind.HOLD,
    resource: hold.name,
    scopes: [hold.scope!],
    who: hold.author,
    reason: hold.reason,
    sinceTime: hold.createTime,
    untilTime: hold.untilTime,
    remedy: `${byItself}holdfast lift ${idOf(hold.name)} (a hold on ${scopeText(hold.scope!)})`,
  }
}

function conditionBlocker(id: string): Blocker {
  return {
    kind: Blocker_Kind.CONDITION,
    resource: conditionName(id),
    scopes: [],
    who: '',
    reason: `${id} is required and is not true`,
    sinceTime: undefined,
    untilTime: undefined,
    remedy: `make it true and say so: holdfast satisfy ${id}`,
  }
}

const whoOf = ({ owner, principal }: Lock): string =>
  owner === '' || owner === principal ? principal : `${owner} (${principal})`
