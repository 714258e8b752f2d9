import type { Hold } from '../../../proto/gen/holdfast/v1/hold.ts'
import { HoldServiceDefinition } from '../../../proto/gen/holdfast/v1/hold_service.ts'
import type { CallOptions } from '../connect-options.ts'
import type { Connection } from '../connection.ts'
import { nameOf } from '../machine-ref.ts'
import type { Page } from '../paginator.ts'
import { listFields, present, type ReadOptions } from '../reads.ts'
import { asOfFields, type Revision, timestampFromDate } from '../revision.ts'
import { rpc } from '../rpc.ts'
import { uuidV7 } from '../uuid.ts'
import type { ScopedListOptions } from './lock-reads.ts'
import { errorOfLockStatus } from './lock-status.ts'
import { type ScopeInput, scopeOf } from './scope.ts'

/** What putting up a hold takes. */
export interface PlaceHoldOptions extends CallOptions {
  /** Why, for whoever is blocked: 1 byte to 4 KiB. */
  reason: string
  /** Lifts itself at this time. Not together with `untilCondition`. @defaultValue lifted by hand */
  untilTime?: Date | undefined
  /** Lifts itself when this condition becomes true, such as `migration:airship/42`. */
  untilCondition?: string | undefined
  /** A CEL expression that narrows it to some attempts, such as `attempt.version >= "20110502"`. */
  when?: string | undefined
  /** Principals whom it does not block: up to 64. */
  allows?: readonly string[] | undefined
  /** The id of this request: again, with the same content, it is the same hold. @defaultValue a new one */
  requestId?: string | undefined
}

/** What is to change of a hold. What is left out stays as it is. */
export interface AmendHoldOptions extends CallOptions {
  /** The `etag` of what was read: refused with a ConflictError if it changed since. */
  etag?: string | undefined
  /** Why it stands. */
  reason?: string | undefined
  /** What lifts it from now on: by hand alone, a time, or a condition. */
  until?: 'lifted' | Date | { condition: string } | undefined
  /** A CEL expression; empty: it blocks every attempt. */
  when?: string | undefined
  /** Principals whom it does not block; an empty list: none. */
  allows?: readonly string[] | undefined
}

/** What lifting a hold takes. */
export interface LiftHoldOptions extends CallOptions {
  /** Why: on record. */
  reason?: string | undefined
  /** The `etag` of what was read: refused with a ConflictError if it changed since. */
  etag?: string | undefined
}

/** A hold after a change. */
export interface ChangedHold {
  hold: Hold
  /** A read at it sees the change; what is granted after it was decided under it. */
  revision: Revision
}

const { methods } = HoldServiceDefinition
const placeRpc = rpc(HoldServiceDefinition, methods.placeHold, errorOfLockStatus)
const amendRpc = rpc(HoldServiceDefinition, methods.amendHold, errorOfLockStatus)
const liftRpc = rpc(HoldServiceDefinition, methods.liftHold, errorOfLockStatus)
const getRpc = rpc(HoldServiceDefinition, methods.getHold, errorOfLockStatus)
const listRpc = rpc(HoldServiceDefinition, methods.listHolds, errorOfLockStatus)

export async function placeHold(
  connection: Connection,
  scope: ScopeInput,
  options: PlaceHoldOptions,
): Promise<ChangedHold> {
  const request = {
    scope: scopeOf(scope),
    reason: options.reason,
    untilTime: options.untilTime && timestampFromDate(options.untilTime),
    untilCondition: options.untilCondition ?? '',
    when: options.when ?? '',
    allows: [...(options.allows ?? [])],
    requestId: options.requestId ?? uuidV7(),
  }
  return changed(await connection.unary(placeRpc, request, options))
}

export async function amendHold(
  connection: Connection,
  name: string,
  options: AmendHoldOptions,
): Promise<ChangedHold> {
  const { etag = '', reason = '', until, when, allows } = options
  const request = {
    name: nameOf('holds', name),
    ...{ etag, reason, when },
    until: untilOf(until),
    allows: [...(allows ?? [])],
    clearAllows: allows?.length === 0,
  }
  return changed(await connection.unary(amendRpc, request, options))
}

export async function liftHold(
  connection: Connection,
  name: string,
  options: LiftHoldOptions,
): Promise<ChangedHold> {
  const { reason = '', etag = '' } = options
  return changed(await connection.unary(liftRpc, { name: nameOf('holds', name), reason, etag }, options))
}

export async function getHold(connection: Connection, name: string, options: ReadOptions): Promise<Hold> {
  const request = { name: nameOf('holds', name), ...asOfFields(options.asOf) }
  return present((await connection.unary(getRpc, request, options)).hold)
}

export async function pageOfHolds(
  connection: Connection,
  options: ScopedListOptions,
  pageToken: string,
): Promise<Page<Hold>> {
  const { scope } = options
  const request = {
    ...listFields(options, pageToken),
    scope: scope === undefined ? undefined : scopeOf(scope),
  }
  const { holds, revision, nextPageToken } = await connection.unary(listRpc, request, options)
  return { items: holds, revision: revision as Revision, nextPageToken }
}

function untilOf(until: AmendHoldOptions['until']) {
  if (until === undefined) return undefined
  if (until === 'lifted') return { $case: 'untilLifted', value: true } as const
  if (until instanceof Date) return { $case: 'untilTime', value: timestampFromDate(until) } as const
  return { $case: 'untilCondition', value: until.condition } as const
}

function changed({ hold, revision }: { hold: Hold | undefined; revision: bigint }): ChangedHold {
  return { hold: present(hold), revision: revision as Revision }
}
