import type { Timestamp } from '../../../../proto/gen/google/protobuf/timestamp.ts'
import { type Hold, Hold_LiftCause } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { Lock_EndCause } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Condition } from '../../../../proto/gen/holdfast/v1/service.ts'
import { API_SOURCE, recordAmendment } from '../amendment.ts'
import type { Command } from '../command.ts'
import { notFound } from '../error.ts'
import type { LoadKeys } from '../load-keys.ts'
import { conditionName } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { liftHold } from './hold-changes.ts'
import { endLock, leasesWaitingFor } from './lock-changes.ts'
import { isWaiting } from './lock-table.ts'

/** Somebody's word on a condition. */
export interface ConditionClaim {
  /** The id. */
  condition: string
  reason: string
  principal: string
}

/**
 * Makes a condition true, within `revise`, and lifts the holds that wait for it in the same revision. Undefined when
 * it is true already.
 */
export function satisfyCondition(
  state: WorkingSet,
  { condition: id, reason, by, at }: { condition: string; reason: string; by: string; at: Timestamp },
): { row: Row<'condition'>; lifted: Hold[] } | undefined {
  const name = conditionName(id)
  const known = state.find('condition', name)?.resource
  if (known !== undefined && known.revokeTime === undefined) return undefined
  const row = state.put('condition', {
    ...(known ?? {
      name,
      uid: state.newUid(),
      etag: '',
      revision: 0n,
      createTime: undefined,
      updateTime: undefined,
    }),
    satisfyTime: at,
    satisfiedBy: by,
    reason,
    revokeTime: undefined,
    revokedBy: '',
  })
  const lifted: Hold[] = []
  for (const hold of [...state.locks.holds]) {
    if (hold.resource.untilCondition !== id) continue
    lifted.push(
      liftHold(state, hold, { cause: Hold_LiftCause.CONDITION, by, reason: `${id} became true` }).resource,
    )
  }
  return { row, lifted }
}

/** Records that a condition is true. Again: nothing. */
export class SatisfyCondition implements Command<{ condition: Condition; lifted: Hold[]; revision: bigint }> {
  readonly size = 1000
  readonly #claim: ConditionClaim

  constructor(claim: ConditionClaim) {
    this.#claim = claim
  }

  collect(keys: LoadKeys): void {
    keys.source(API_SOURCE, 0)
    keys.condition(this.#claim.condition)
  }

  decide(state: WorkingSet): { condition: Condition; lifted: Hold[]; revision: bigint } {
    const { condition: id, reason, principal: by } = this.#claim
    const { value: satisfied } = state.revise(() =>
      satisfyCondition(state, { condition: id, reason, by, at: state.nowTimestamp }),
    )
    const name = conditionName(id)
    if (satisfied !== undefined) {
      recordAmendment(state, {
        resource: name,
        method: 'SatisfyCondition',
        reason,
        principal: by,
        revision: state.head,
      })
    }
    const condition = state.find('condition', name)!.resource
    return { condition, lifted: satisfied?.lifted ?? [], revision: state.head }
  }
}

/** Records that a condition is no longer true. Again: nothing. */
export class RevokeCondition implements Command<{ condition: Condition; revision: bigint }> {
  readonly size = 1000
  readonly #claim: ConditionClaim

  constructor(claim: ConditionClaim) {
    this.#claim = claim
  }

  collect(keys: LoadKeys): void {
    keys.source(API_SOURCE, 0)
    keys.condition(this.#claim.condition)
    keys.waitingLeases((table) =>
      [...table.locks.locks]
        .filter(({ resource }) => resource.requires.includes(this.#claim.condition))
        .flatMap(({ resource }) => leasesWaitingFor(table, resource.scopes)),
    )
  }

  decide(state: WorkingSet): { condition: Condition; revision: bigint } {
    const { condition: id, reason, principal } = this.#claim
    const name = conditionName(id)
    const row = state.find('condition', name)
    if (row === undefined) throw notFound(name, 'it never was true')
    if (row.resource.revokeTime === undefined) {
      state.revise(() => {
        const revoked = { revokeTime: state.nowTimestamp, revokedBy: principal }
        state.put('condition', { ...row.resource, ...revoked })
        for (const waiter of [...state.locks.locks]) {
          if (!isWaiting(waiter) || !waiter.resource.requires.includes(id)) continue
          if (waiter.resource.overrideReason !== '') continue
          const why = `${id}, which it requires, was revoked: ${reason}`
          endLock(state, waiter, { cause: Lock_EndCause.BLOCKED, by: principal, reason: why })
        }
      })
      recordAmendment(state, {
        resource: name,
        method: 'RevokeCondition',
        reason,
        principal,
        revision: state.head,
      })
    }
    return { condition: row.resource, revision: state.head }
  }
}
