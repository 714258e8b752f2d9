import {
  type Lock,
  Lock_EndCause,
  Lock_State,
  type ReleaseRequest,
} from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Command } from '../command.ts'
import { HoldfastError, notFound } from '../error.ts'
import type { LoadKeys } from '../load-keys.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { type LeaseKey, leaseName, wrongSecret } from './lease.ts'
import { endLock, leasesWaitingFor } from './lock-changes.ts'

/** Commands on one lock by its name. */
abstract class LockCommand<Result> implements Command<Result> {
  readonly size = 200
  readonly isAtHand = true
  protected readonly name: string

  constructor(name: string) {
    this.name = name
  }

  collect(keys: LoadKeys): void {
    keys.lock(this.name)
    keys.endingLocks(({ locks }) => [locks.lock(this.name)].filter((row) => row !== undefined))
    keys.waitingLeases((table) => {
      const row = table.locks.lock(this.name)
      return row === undefined ? [] : leasesWaitingFor(table, row.resource.scopes)
    })
  }

  abstract decide(state: WorkingSet): Result

  /** The lock, if it is held or waits; else how it ended, as far back as history goes. */
  protected find(state: WorkingSet): Row<'lock'> {
    // Not the table's own row: what is put goes into the one that was loaded, if one was.
    const row = state.find('lock', this.name)
    if (row !== undefined) return row
    throw notFound(this.name, 'holdfast locks lists those that are held')
  }
}

/** What says that a lock is meant as it was seen. */
interface Claim {
  name: string
  /** 0 for one that waits. */
  fencingToken: bigint
}

/** Ends a lock of the caller's own, held or waiting. */
export class ReleaseLock extends LockCommand<{ revision: bigint }> {
  readonly #claim: Claim & { lease: LeaseKey; principal: string }

  constructor(claim: Claim & { lease: LeaseKey; principal: string }) {
    super(claim.name)
    this.#claim = claim
  }

  override collect(keys: LoadKeys): void {
    super.collect(keys)
    keys.leases.add(this.#claim.lease.id)
  }

  decide(state: WorkingSet): { revision: bigint } {
    const row = this.find(state)
    const { lease: key, fencingToken, principal } = this.#claim
    // A lease that is over may still let go: the secret is what counts.
    const lease = state.leases.get(key.id)
    if (lease !== undefined && lease.secretHash !== key.secretHash) throw wrongSecret(key.id)
    const lock = row.resource
    if (lease === undefined || lock.lease !== leaseName(key.id)) throw staleToken(lock, fencingToken)
    // Who gives up waiting does not know of a grant that crosses it on the way: it is given back.
    if (fencingToken !== 0n && lock.fencingToken !== fencingToken) throw staleToken(lock, fencingToken)
    if (lock.state === Lock_State.ENDED) {
      if (lock.endCause !== Lock_EndCause.RELEASED) throw staleToken(lock, fencingToken)
      return { revision: state.head }
    }
    state.revise(() => endLock(state, row, { cause: Lock_EndCause.RELEASED, by: principal, reason: '' }))
    return { revision: state.head }
  }
}

/** Ends somebody else's lock, for a reason that stays on record. */
export class ForceReleaseLock extends LockCommand<{ lock: Lock; revision: bigint }> {
  readonly #claim: Claim & { reason: string; principal: string }

  constructor(claim: Claim & { reason: string; principal: string }) {
    super(claim.name)
    this.#claim = claim
  }

  decide(state: WorkingSet): { lock: Lock; revision: bigint } {
    const row = this.find(state)
    const { fencingToken, principal: by, reason } = this.#claim
    const lock = row.resource
    if (lock.fencingToken !== fencingToken) throw staleToken(lock, fencingToken)
    if (lock.state === Lock_State.ENDED) {
      if (lock.endCause !== Lock_EndCause.FORCED) throw staleToken(lock, fencingToken)
      return { lock, revision: state.head }
    }
    state.revise(() => endLock(state, row, { cause: Lock_EndCause.FORCED, by, reason }))
    return { lock: row.resource, revision: state.head }
  }
}

/** Asks a holder to let go. */
export class RequestRelease extends LockCommand<{ lock: Lock; revision: bigint }> {
  readonly #wish: Omit<ReleaseRequest, 'requestTime'>

  constructor(name: string, wish: Omit<ReleaseRequest, 'requestTime'>) {
    super(name)
    this.#wish = wish
  }

  decide(state: WorkingSet): { lock: Lock; revision: bigint } {
    const row = this.find(state)
    if (row.resource.state === Lock_State.ENDED) throw staleToken(row.resource, row.resource.fencingToken)
    const { requestedBy, reason } = this.#wish
    const standing = row.resource.releaseRequest
    if (standing?.requestedBy !== requestedBy || standing.reason !== reason) {
      const releaseRequest = { ...this.#wish, requestTime: state.nowTimestamp }
      state.revise(() => state.put('lock', { ...row.resource, releaseRequest }))
    }
    return { lock: row.resource, revision: state.head }
  }
}

/** A token that is not, or no longer, that of the lock. */
export function staleToken(lock: Lock, token: bigint): HoldfastError {
  const how = lock.state === Lock_State.ENDED ? ended(lock) : 'it is held under another token'
  return new HoldfastError(
    'STALE_TOKEN',
    `token ${token} is not good for ${lock.name}: ${how}; acquire it anew`,
    {
      metadata: { lock: lock.name, fencingToken: String(token) },
    },
  )
}

function ended({ endCause, endedBy, endReason }: Lock): string {
  const cause = Object.entries(Lock_EndCause).find(([, value]) => value === endCause)?.[0] ?? ''
  const by = endedBy === '' ? '' : ` by ${endedBy}`
  const why = endReason === '' ? '' : `, ${JSON.stringify(endReason)}`
  return `it ended (${cause.toLowerCase().replaceAll('_', ' ')}${by}${why})`
}

/** Used by whoever writes under a lock: throws STALE_TOKEN unless the lock is held under this very token. */
export function requireFence(state: WorkingSet, { name, fencingToken }: Claim): Row<'lock'> {
  const row = state.locks.lock(name)
  if (row === undefined) {
    throw new HoldfastError(
      'STALE_TOKEN',
      `token ${fencingToken} is not good for ${name}, which is not held; acquire the lock anew`,
      { metadata: { lock: name, fencingToken: String(fencingToken) } },
    )
  }
  const lock = row.resource
  if (
    lock.state !== Lock_State.HELD ||
    lock.fencingToken !== fencingToken ||
    lock.ledgerEpoch !== state.epoch
  ) {
    throw staleToken(lock, fencingToken)
  }
  return row
}
