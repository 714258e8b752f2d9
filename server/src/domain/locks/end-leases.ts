import { Lock_EndCause } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Command } from '../command.ts'
import type { LoadKeys } from '../load-keys.ts'
import type { WorkingSet } from '../working-set.ts'
import { isLive, type LeaseKey, type LeaseRow, leaseExpired, leaseName, wrongSecret } from './lease.ts'
import { type End, endLocks, leasesWaitingFor } from './lock-changes.ts'

/** Puts the end of a lease on record, within `revise`: all that it backs ends with it. The one place for that. */
export function endLease(state: WorkingSet, lease: LeaseRow, end: End): void {
  state.endLease(lease)
  endLocks(state, state.locks.locksOf(leaseName(lease.id)), end)
}

const collectLeases = (keys: LoadKeys, ids: readonly string[]): void => {
  for (const id of ids) keys.endingLeases.add(id)
  keys.endingLocks(({ locks }) => ids.flatMap((id) => locks.locksOf(leaseName(id))))
  keys.waitingLeases((table) =>
    ids.flatMap((id) => {
      const scopes = table.locks.locksOf(leaseName(id)).flatMap(({ resource }) => resource.scopes)
      return leasesWaitingFor(table, scopes)
    }),
  )
}

/** Ends the leases that are past their TTL by the database's clock. One that was beaten meanwhile lives. */
export class ExpireLeases implements Command<number> {
  readonly size: number
  readonly #ids: readonly string[]

  constructor(ids: readonly string[]) {
    this.#ids = ids
    this.size = 100 + ids.length * 200
  }

  collect(keys: LoadKeys): void {
    collectLeases(keys, this.#ids)
  }

  decide(state: WorkingSet): number {
    let expired = 0
    for (const id of this.#ids) {
      const lease = state.leases.get(id)
      if (lease === undefined || !lease.alive || isLive(lease, state.now)) continue
      expired++
      state.revise(() =>
        endLease(state, lease, {
          cause: Lock_EndCause.LEASE_EXPIRED,
          by: '',
          reason: `its client was not heard of for ${lease.ttlMs / 1000} s`,
        }),
      )
    }
    return expired
  }
}

/** Ends a lease because its client says so. Again: nothing. */
export class RevokeLease implements Command<{ revision: bigint }> {
  readonly size = 300
  readonly #lease: LeaseKey
  readonly #principal: string

  constructor(lease: LeaseKey, principal: string) {
    this.#lease = lease
    this.#principal = principal
  }

  collect(keys: LoadKeys): void {
    collectLeases(keys, [this.#lease.id])
  }

  decide(state: WorkingSet): { revision: bigint } {
    const { id, secretHash } = this.#lease
    const lease = state.leases.get(id)
    if (lease === undefined) throw leaseExpired(id)
    if (lease.secretHash !== secretHash) throw wrongSecret(id)
    if (lease.alive) {
      state.revise(() =>
        endLease(state, lease, { cause: Lock_EndCause.LEASE_REVOKED, by: this.#principal, reason: '' }),
      )
    }
    return { revision: state.head }
  }
}
