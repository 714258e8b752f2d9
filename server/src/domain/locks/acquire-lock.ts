import type { Duration } from '../../../../proto/gen/google/protobuf/duration.ts'
import {
  type Lock,
  Lock_EndCause,
  type Lock_Mode,
  Lock_State,
} from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import type { Command } from '../command.ts'
import { HoldfastError } from '../error.ts'
import { type Instant, timestampFromInstant } from '../instant.ts'
import { jsonEqual } from '../json-equal.ts'
import type { LoadKeys } from '../load-keys.ts'
import type { WorkingSet } from '../working-set.ts'
import { type Blocked, type InTheWay, inTheWay } from './blockers.ts'
import { type LeaseKey, leaseName, requireLease } from './lease.ts'
import { grant } from './lock-changes.ts'
import { blockedError } from './lock-error.ts'
import { scopesText } from './scope.ts'

/** Scopes that a client asks for. Already found valid; scopes in their one spelling. */
export interface Acquisition {
  /** Undefined to ask only. */
  lease: LeaseKey | undefined
  requestId: string
  scopes: Scope[]
  mode: Lock_Mode
  waitMs: number
  reason: string
  attributes: Record<string, string>
  requires: string[]
  maxHold: Duration | undefined
  lockDelay: Duration | undefined
  overrideReason: string
  /** Whether the caller may go through holds. */
  mayOverride: boolean
  principal: string
}

/** Where a request stands. */
export interface Standing extends Blocked {
  /** Undefined for who asked only. */
  lock: Lock | undefined
  /** Whether it was granted, or would be. */
  granted: boolean
  /** How many requests that wait it must wait for, and itself. */
  place: number
  revision: bigint
  /** When the call was taken. */
  takenAt: Instant
}

/** Grants scopes, or queues for them, or refuses. */
export class AcquireLock implements Command<Standing> {
  readonly size = 500
  /** Who holds for a limited time counts it from when the call was taken, which only the database's clock tells. */
  readonly isAtHand: boolean
  readonly #wanted: Acquisition

  constructor(wanted: Acquisition) {
    this.#wanted = wanted
    this.isAtHand = wanted.maxHold === undefined
  }

  collect(keys: LoadKeys): void {
    const { lease, requires } = this.#wanted
    if (lease !== undefined) keys.leases.add(lease.id)
    for (const condition of requires) keys.condition(condition)
  }

  decide(state: WorkingSet): Standing {
    const { lease: key, requestId, scopes, mode, principal, attributes, requires } = this.#wanted
    const lease = key === undefined ? undefined : requireLease(state, key)
    if (lease !== undefined) {
      const earlier = state.locks.request(leaseName(lease.id), requestId)
      if (earlier !== undefined) return this.#again(state, earlier)
    }
    const owner = lease?.owner ?? ''
    const way = inTheWay(state, { scopes, mode, principal, owner, attributes, requires, ticket: undefined })
    this.#refuse(way)
    const waits = way.ahead.totalBlockers > 0
    const standing = {
      granted: !waits,
      place: waits ? way.waitersAhead + 1 : 0,
      ...way.ahead,
      takenAt: state.now,
    }
    if (lease === undefined) return { ...standing, lock: undefined, revision: state.head }
    const { value: row } = state.revise(() => {
      const lock = this.#newLock(state, leaseName(lease.id), owner)
      if (!waits) return grant(state, lock)
      const deadline = (state.now + BigInt(Math.round(this.#wanted.waitMs * 1000))) as Instant
      return state.put('lock', {
        ...lock,
        state: Lock_State.WAITING,
        waitDeadline: timestampFromInstant(deadline),
      })
    })
    return { ...standing, lock: row.resource, revision: state.head }
  }

  #refuse({ ahead, refusing }: InTheWay): void {
    const { scopes, overrideReason, mayOverride, waitMs } = this.#wanted
    if (refusing.length > 0 && overrideReason === '') {
      throw blockedError('BLOCKED', `${scopesText(scopes)} is blocked`, {
        blockers: [...refusing, ...ahead.blockers],
        totalBlockers: refusing.length + ahead.totalBlockers,
      })
    }
    if (overrideReason !== '' && !mayOverride) {
      throw new HoldfastError(
        'PERMISSION_DENIED',
        'going through holds needs a permission of its own: ask for your principal to be put into the setting HOLDFAST_OVERRIDERS, or have the holds lifted',
      )
    }
    if (ahead.totalBlockers > 0 && waitMs === 0) {
      throw blockedError('LOCK_HELD', `${scopesText(scopes)} is not free`, ahead)
    }
  }

  /** The same request again: where it stands by now. */
  #again(state: WorkingSet, lock: Lock): Standing {
    const { scopes, mode, requires, attributes } = this.#wanted
    if (!jsonEqual({ scopes, mode, requires, attributes }, pick(lock))) {
      throw new HoldfastError(
        'REQUEST_ID_REUSED',
        `request ${this.#wanted.requestId} was for something else, ${lock.name}; give each request an id of its own`,
        { metadata: { lock: lock.name } },
      )
    }
    return standingOf(state, lock)
  }

  #newLock(state: WorkingSet, lease: string, owner: string): Lock {
    const { requestId, scopes, mode, reason, principal, attributes, requires, maxHold, lockDelay } =
      this.#wanted
    return {
      name: `locks/${state.nextId.toString(36)}`,
      etag: '',
      createTime: undefined,
      updateTime: undefined,
      revision: 0n,
      scopes,
      mode,
      state: Lock_State.HELD,
      lease,
      owner,
      principal,
      reason,
      requestId,
      fencingToken: 0n,
      ledgerEpoch: 0n,
      grantTime: undefined,
      maxHold,
      lockDelay,
      waitDeadline: undefined,
      attributes,
      requires,
      overrideReason: this.#wanted.overrideReason,
      endCause: Lock_EndCause.UNSPECIFIED,
      endTime: undefined,
      endedBy: '',
      endReason: '',
      releaseRequest: undefined,
      runs: [],
    }
  }
}

/** Where requests that wait stand by now; a name that is neither held nor waits gives nothing. Changes nothing. */
export class DescribeLocks implements Command<Standing[]> {
  readonly size: number
  readonly isAtHand = true
  readonly #names: readonly string[]

  constructor(names: readonly string[]) {
    this.#names = names
    this.size = 100 + names.length * 20
  }

  collect(): void {}

  decide(state: WorkingSet): Standing[] {
    return this.#names.flatMap((name) => {
      const row = state.locks.lock(name)
      return row === undefined ? [] : [standingOf(state, row.resource)]
    })
  }
}

function standingOf(state: WorkingSet, lock: Lock): Standing {
  const at = { revision: state.head, takenAt: state.now }
  if (lock.state !== Lock_State.WAITING) {
    return { lock, granted: lock.state === Lock_State.HELD, place: 0, blockers: [], totalBlockers: 0, ...at }
  }
  const ticket = state.locks.lock(lock.name)!.id
  const { ahead, waitersAhead } = inTheWay(state, { ...lock, ticket })
  return { lock, granted: false, place: waitersAhead + 1, ...ahead, ...at }
}

const pick = ({ scopes, mode, requires, attributes }: Lock) => ({ scopes, mode, requires, attributes })
