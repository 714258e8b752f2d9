import type { Duration } from '../../../../proto/gen/google/protobuf/duration.ts'
import { type Hold, Hold_State } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { type Lock, Lock_EndCause, Lock_State } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import { ChurningMap } from '../../../../runtime/churning-map.ts'
import { type Instant, instantFromTimestamp } from '../instant.ts'
import { RecentMap } from '../recent-map.ts'
import type { Row } from '../rows.ts'
import { EndedRequests } from './ended-requests.ts'
import { ScopeIndex } from './scope-index.ts'

type LockRow = Row<'lock'>
type HoldRow = Row<'hold'>

/** The time after a lock whose holder was lost, in which nothing that overlaps is granted. */
export interface LockDelay {
  lock: Lock
  until: Instant
}

/** Ends that the client did not choose: it may still be at work. */
const LOST: ReadonlySet<Lock_EndCause> = new Set([
  Lock_EndCause.LEASE_EXPIRED,
  Lock_EndCause.FORCED,
  Lock_EndCause.MAX_HOLD,
  Lock_EndCause.EPOCH_CHANGED,
])

/** Holds that were lifted are known again for this many others: a retry of one must not put it up again. */
const LIFTED_HOLDS = 1000

/**
 * All locks that are held or wait and all holds that stand, by what they cover. A fold of the ledger that a
 * writer keeps in memory: exact at `revision`, and brought up to date under the ledger's lock from the changes
 * that other servers made since, so that deciding a lock reads no rows.
 */
export class LockTable {
  /** All changes up to here are in it. */
  revision = 0n
  readonly #locks = new ChurningMap<string, LockRow>()
  readonly #lockScopes = new ScopeIndex<LockRow>()
  /** By lease, and of each by request id. */
  readonly #byLease = new ChurningMap<string, ChurningMap<string, LockRow>>()
  readonly #ended = new EndedRequests()
  readonly #holds = new Map<string, HoldRow>()
  readonly #holdScopes = new ScopeIndex<HoldRow>()
  /** Those that were lifted last, by author and request id. */
  readonly #lifted = new RecentMap<string, Hold>(LIFTED_HOLDS)
  readonly #delays = new Map<string, LockDelay>()
  /** What has a time at which something becomes of it: locks that wait or may be held so long, and holds. */
  readonly #due = new ChurningMap<LockRow | HoldRow, Instant>()
  /** In a new epoch: until when nothing is granted, since locks that were lost may still be thought to be held. */
  #closedUntil: Instant
  /** Scopes that may be free while somebody waits for them: freed without the leases of those who wait at hand. */
  #unsettled: Scope[] = []

  constructor(closedUntil = 0n as Instant) {
    this.#closedUntil = closedUntil
  }

  /** Until when nothing is granted; 0 when that is over. */
  get closedUntil(): Instant {
    return this.#closedUntil
  }

  /** Has nothing granted until then. */
  closeUntil(at: Instant): void {
    this.#closedUntil = at
  }

  /** Whether the time in which nothing is granted is over, and nobody has looked who waits since. */
  isToOpen(now: Instant): boolean {
    return this.#closedUntil !== 0n && this.#closedUntil <= now
  }

  /** A lock that is held or waits. */
  lock(name: string): LockRow | undefined {
    return this.#locks.get(name)
  }

  hold(name: string): HoldRow | undefined {
    return this.#holds.get(name)
  }

  get locks(): Iterable<LockRow> {
    return this.#locks.values()
  }

  get holds(): Iterable<HoldRow> {
    return this.#holds.values()
  }

  locksOverlapping(scopes: readonly Scope[]): ReadonlySet<LockRow> {
    return this.#lockScopes.overlapping(scopes)
  }

  /** Requests that wait for what overlaps, first come first. */
  waitersFor(scopes: readonly Scope[]): LockRow[] {
    const overlapping = this.locksOverlapping(scopes)
    if (overlapping.size === 0) return []
    return [...overlapping].filter(isWaiting).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  holdsOverlapping(scopes: readonly Scope[]): ReadonlySet<HoldRow> {
    return this.#holdScopes.overlapping(scopes)
  }

  locksOf(lease: string): LockRow[] {
    return [...(this.#byLease.get(lease)?.values() ?? [])]
  }

  /** The lock of an earlier request of the same lease and id, also for some time after its end. */
  request(lease: string, requestId: string): Lock | undefined {
    const row = this.#byLease.get(lease)?.get(requestId)
    return row === undefined ? this.#ended.find(lease, requestId) : row.resource
  }

  /** The hold of an earlier request of the same author and id, also for some time after it was lifted. */
  placed(author: string, requestId: string): Hold | undefined {
    for (const { resource: hold } of this.#holds.values()) {
      if (hold.requestId === requestId && hold.author === author) return hold
    }
    return this.#lifted.get(requestOf({ author, requestId }))
  }

  get delays(): LockDelay[] {
    return this.#delays.size === 0 ? [] : [...this.#delays.values()]
  }

  forgetDelay({ lock }: LockDelay): void {
    this.#delays.delete(lock.name)
  }

  /** Scopes to look at again, taken. */
  takeUnsettled(): Scope[] {
    const scopes = this.#unsettled
    this.#unsettled = []
    return scopes
  }

  get unsettled(): readonly Scope[] {
    return this.#unsettled
  }

  /** Has the next sweep look who can be granted these, if anybody waits for them by then. */
  leaveUnsettled(scopes: readonly Scope[]): void {
    this.#unsettled.push(...scopes)
  }

  /** What is due at a time. */
  dueAt(now: Instant): (LockRow | HoldRow)[] {
    return [...this.#due].filter(([, at]) => at <= now).map(([row]) => row)
  }

  /** Whether there is anything for `EndDue` to do at a time. */
  hasDue(now: Instant): boolean {
    if (this.#unsettled.length > 0 || this.isToOpen(now)) return true
    for (const at of this.#due.values()) if (at <= now) return true
    for (const { until } of this.#delays.values()) if (until <= now) return true
    return false
  }

  /** Takes in how a lock or hold stands. */
  set(row: Row<'lock'> | Row<'hold'>): void {
    if (row.kind === 'lock') this.#setLock(row as LockRow)
    else this.#setHold(row as HoldRow)
  }

  /** Takes back how a lock or hold came to stand: it is as it was before, or was never made. */
  takeBack(row: Row<'lock'> | Row<'hold'>, wasMade: boolean): void {
    if (row.kind === 'lock') {
      const lock = row as LockRow
      this.#ended.forget(lock.resource)
      if (wasMade) this.#removeLock(lock)
      else this.#setLock(lock)
    } else {
      const hold = row as HoldRow
      this.#lifted.delete(requestOf(hold.resource))
      if (wasMade) this.#removeHold(hold)
      else this.#setHold(hold)
    }
  }

  #setLock(row: LockRow): void {
    const lock = row.resource
    this.#removeLock(row)
    if (lock.state === Lock_State.ENDED) {
      this.#keepEnded(row)
      return
    }
    this.#locks.set(lock.name, row)
    this.#lockScopes.add(lock.scopes, row)
    let ofLease = this.#byLease.get(lock.lease)
    if (ofLease === undefined) {
      ofLease = new ChurningMap()
      this.#byLease.set(lock.lease, ofLease)
    }
    ofLease.set(lock.requestId, row)
    const due = dueOf(lock)
    if (due !== undefined) this.#due.set(row, due)
  }

  #removeLock(row: LockRow): void {
    const { name, scopes, lease, requestId } = row.resource
    this.#delays.delete(name)
    // What is loaded anew is another object.
    const known = this.#locks.get(name)
    if (known === undefined) return
    this.#locks.delete(name)
    this.#lockScopes.delete(scopes, known)
    const ofLease = this.#byLease.get(lease)
    if (ofLease?.delete(requestId) && ofLease.size === 0) this.#byLease.delete(lease)
    this.#due.delete(known)
  }

  #keepEnded(row: LockRow): void {
    const lock = row.resource
    this.#ended.keep(row)
    const until = delayAfter(lock)
    if (until !== undefined) this.#delays.set(lock.name, { lock, until })
  }

  #setHold(row: HoldRow): void {
    this.#removeHold(row)
    const { name, state, scope, untilTime, requestId } = row.resource
    if (state !== Hold_State.STANDING) {
      if (requestId !== '') this.#lifted.set(requestOf(row.resource), row.resource)
      return
    }
    this.#holds.set(name, row)
    this.#holdScopes.add([scope!], row)
    if (untilTime !== undefined) this.#due.set(row, instantFromTimestamp(untilTime))
  }

  #removeHold(row: HoldRow): void {
    const known = this.#holds.get(row.resource.name)
    if (known === undefined) return
    this.#holds.delete(row.resource.name)
    this.#holdScopes.delete([known.resource.scope!], known)
    this.#due.delete(known)
  }
}

const requestOf = ({ author, requestId }: Pick<Hold, 'author' | 'requestId'>): string =>
  `${author}\n${requestId}`

export const isWaiting = (row: LockRow): boolean => row.resource.state === Lock_State.WAITING
export const isHeld = (row: LockRow): boolean => row.resource.state === Lock_State.HELD

export const microsOf = ({ seconds, nanos }: Duration): bigint =>
  seconds * 1_000_000n + BigInt(Math.trunc(nanos / 1000))

/** Until when a lock whose holder was lost is in the way after its end; undefined for every other one. */
export function delayAfter({ lockDelay, grantTime, endTime, endCause }: Lock): Instant | undefined {
  if (lockDelay === undefined || grantTime === undefined || !LOST.has(endCause)) return undefined
  return (instantFromTimestamp(endTime!) + microsOf(lockDelay)) as Instant
}

/** When a wait or a hold of a lock is over. */
function dueOf(lock: Lock): Instant | undefined {
  if (lock.state !== Lock_State.WAITING) return holdEnd(lock)
  return lock.waitDeadline === undefined ? undefined : instantFromTimestamp(lock.waitDeadline)
}

/** Until when a lock that was granted may be held, whatever its heartbeats say. */
export function holdEnd({ grantTime, maxHold }: Pick<Lock, 'grantTime' | 'maxHold'>): Instant | undefined {
  if (maxHold === undefined) return undefined
  return (instantFromTimestamp(grantTime!) + microsOf(maxHold)) as Instant
}
