import type { Timestamp } from '../../../../proto/gen/google/protobuf/timestamp.ts'
import { type Hold, Hold_LiftCause, Hold_State } from '../../../../proto/gen/holdfast/v1/hold.ts'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import { API_SOURCE, recordAmendment } from '../amendment.ts'
import type { Command } from '../command.ts'
import { HoldfastError, notFound, refuseViolations } from '../error.ts'
import { requireEtag } from '../etag.ts'
import { instantFromTimestamp } from '../instant.ts'
import { jsonEqual } from '../json-equal.ts'
import type { LoadKeys } from '../load-keys.ts'
import { conditionName } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { liftHold, refuseWaiters } from './hold-changes.ts'
import { leasesWaitingFor } from './lock-changes.ts'

export interface HoldResult {
  hold: Hold
  revision: bigint
}

/** A hold to put up. Already found valid; the scope in its one spelling. */
export interface HoldDraft {
  scope: Scope
  reason: string
  untilTime: Timestamp | undefined
  untilCondition: string
  when: string
  allows: string[]
  requestId: string
}

/** Puts up a hold. */
export class PlaceHold implements Command<HoldResult> {
  readonly size = 1000
  readonly #draft: HoldDraft
  readonly #principal: string

  constructor(draft: HoldDraft, principal: string) {
    this.#draft = draft
    this.#principal = principal
  }

  collect(keys: LoadKeys): void {
    keys.source(API_SOURCE, 0)
    if (this.#draft.untilCondition !== '') keys.condition(this.#draft.untilCondition)
    keys.waitingLeases((table) => leasesWaitingFor(table, [this.#draft.scope]))
  }

  decide(state: WorkingSet): HoldResult {
    const earlier = this.#earlier(state)
    if (earlier !== undefined) return { hold: earlier, revision: state.head }
    refuseUntil(state, this.#draft)
    const { value: row } = state.revise(() => {
      const placed = state.put('hold', {
        ...this.#draft,
        name: `holds/${state.nextId.toString(36)}`,
        etag: '',
        createTime: undefined,
        updateTime: undefined,
        revision: 0n,
        author: this.#principal,
        state: Hold_State.STANDING,
        liftCause: Hold_LiftCause.UNSPECIFIED,
        liftTime: undefined,
        liftedBy: '',
        liftReason: '',
      })
      refuseWaiters(state, placed.resource)
      return placed
    })
    record(state, row.resource, {
      method: 'PlaceHold',
      reason: this.#draft.reason,
      principal: this.#principal,
    })
    return { hold: row.resource, revision: state.head }
  }

  /**
   * The hold that an earlier try of this request put up, also when it was lifted since: it must not block again. Without
   * an id a try is told by its content, while the hold stands.
   */
  #earlier(state: WorkingSet): Hold | undefined {
    const { requestId, ...draft } = this.#draft
    const isSame = ({ scope, reason, untilTime, untilCondition, when, allows }: Hold): boolean =>
      jsonEqual({ scope, reason, untilTime, untilCondition, when, allows }, draft)
    if (requestId === '') {
      for (const { resource: hold } of state.locks.holds) {
        if (hold.requestId === '' && hold.author === this.#principal && isSame(hold)) return hold
      }
      return undefined
    }
    const hold = state.locks.placed(this.#principal, requestId)
    if (hold === undefined || isSame(hold)) return hold
    throw new HoldfastError(
      'REQUEST_ID_REUSED',
      `request ${requestId} was for something else, ${hold.name}; give each request an id of its own`,
      { metadata: { hold: hold.name } },
    )
  }
}

/** What is to change of a hold; undefined: as it is. */
export interface HoldAmendment {
  name: string
  etag: string
  reason: string | undefined
  /** What lifts it: empty for by hand alone. */
  until: { untilTime: Timestamp | undefined; untilCondition: string } | undefined
  when: string | undefined
  allows: string[] | undefined
}

abstract class HoldCommand implements Command<HoldResult> {
  readonly size = 1000
  protected readonly name: string
  readonly #etag: string

  constructor(name: string, etag: string) {
    this.name = name
    this.#etag = etag
  }

  collect(keys: LoadKeys): void {
    keys.source(API_SOURCE, 0)
    keys.named('hold', this.name)
    keys.waitingLeases((table) => {
      const row = table.locks.hold(this.name)
      return row === undefined ? [] : leasesWaitingFor(table, [row.resource.scope!])
    })
  }

  abstract decide(state: WorkingSet): HoldResult

  protected find(state: WorkingSet): Row<'hold'> {
    // Not the table's own row: what is put goes into the one that was loaded, if one was.
    const row = state.find('hold', this.name)
    if (row === undefined) throw notFound(this.name, 'holdfast holds lists those that stand')
    requireEtag(row.resource, this.#etag)
    return row
  }
}

/** Changes a hold, which blocks all the while. */
export class AmendHold extends HoldCommand {
  readonly #amendment: HoldAmendment
  readonly #principal: string

  constructor(amendment: HoldAmendment, principal: string) {
    super(amendment.name, amendment.etag)
    this.#amendment = amendment
    this.#principal = principal
  }

  override collect(keys: LoadKeys): void {
    super.collect(keys)
    const condition = this.#amendment.until?.untilCondition
    if (condition) keys.condition(condition)
  }

  decide(state: WorkingSet): HoldResult {
    const row = this.find(state)
    const hold = row.resource
    if (hold.state === Hold_State.LIFTED) {
      throw new HoldfastError('NOT_FOUND', `${hold.name} is lifted; put up a new hold`, {
        metadata: { resource: hold.name },
      })
    }
    const { reason, until, when, allows } = this.#amendment
    const amended = {
      ...hold,
      ...(reason !== undefined && { reason }),
      ...until,
      ...(when !== undefined && { when }),
      ...(allows !== undefined && { allows }),
    }
    if (jsonEqual(hold, amended)) return { hold, revision: state.head }
    if (until !== undefined) refuseUntil(state, until)
    state.revise(() => refuseWaiters(state, state.put('hold', amended).resource))
    record(state, row.resource, {
      method: 'AmendHold',
      reason: row.resource.reason,
      principal: this.#principal,
    })
    return { hold: row.resource, revision: state.head }
  }
}

/** Lifts a hold by hand. Again: nothing. */
export class LiftHold extends HoldCommand {
  readonly #reason: string
  readonly #principal: string

  constructor(request: { name: string; etag: string; reason: string }, principal: string) {
    super(request.name, request.etag)
    this.#reason = request.reason
    this.#principal = principal
  }

  decide(state: WorkingSet): HoldResult {
    const row = this.find(state)
    if (row.resource.state === Hold_State.STANDING) {
      const lift = { cause: Hold_LiftCause.BY_HAND, by: this.#principal, reason: this.#reason }
      state.revise(() => liftHold(state, row, lift))
      record(state, row.resource, { method: 'LiftHold', reason: this.#reason, principal: this.#principal })
    }
    return { hold: row.resource, revision: state.head }
  }
}

function refuseUntil(
  state: WorkingSet,
  { untilTime, untilCondition }: { untilTime: Timestamp | undefined; untilCondition: string },
): void {
  if (untilTime !== undefined && instantFromTimestamp(untilTime) <= state.now) {
    refuseViolations([{ field: 'until_time', description: 'is past already; give a time in the future' }])
  }
  if (untilCondition === '') return
  const condition = state.find('condition', conditionName(untilCondition))?.resource
  if (condition !== undefined && condition.revokeTime === undefined) {
    refuseViolations([
      {
        field: 'until_condition',
        description: `${untilCondition} is true already; the hold would never stand`,
      },
    ])
  }
}

function record(
  state: WorkingSet,
  hold: Hold,
  { method, reason, principal }: { method: string; reason: string; principal: string },
): void {
  recordAmendment(state, {
    resource: hold.name,
    method,
    reason,
    principal,
    revision: state.head,
    scope: hold.scope,
  })
}
