import type { Hold } from '../../../proto/gen/holdfast/v1/hold.ts'
import { HoldServiceDefinition } from '../../../proto/gen/holdfast/v1/hold_service.ts'
import type { Condition } from '../../../proto/gen/holdfast/v1/service.ts'
import type { CallOptions } from '../connect-options.ts'
import type { Connection } from '../connection.ts'
import { idOf } from '../machine-ref.ts'
import type { Page } from '../paginator.ts'
import { type ListOptions, listFields, present } from '../reads.ts'
import type { Revision } from '../revision.ts'
import { rpc } from '../rpc.ts'
import { errorOfLockStatus } from './lock-status.ts'

/** What recording that a condition is true takes. */
export interface SatisfyOptions extends CallOptions {
  /** Why, in words: up to 4 KiB. */
  reason?: string | undefined
}

/** What recording that a condition is no longer true takes. */
export interface RevokeConditionOptions extends CallOptions {
  /** Why, in words: 1 byte to 4 KiB. */
  reason: string
}

/** A condition after a change. */
export interface ChangedCondition {
  condition: Condition
  /** A read at it sees the change. */
  revision: Revision
}

/** A condition that became true, and what it lifted. */
export interface SatisfiedCondition extends ChangedCondition {
  /** The holds that it lifted. */
  lifted: Hold[]
}

const { methods } = HoldServiceDefinition
const satisfyRpc = rpc(HoldServiceDefinition, methods.satisfyCondition, errorOfLockStatus)
const revokeRpc = rpc(HoldServiceDefinition, methods.revokeCondition, errorOfLockStatus)
const listRpc = rpc(HoldServiceDefinition, methods.listConditions, errorOfLockStatus)

export async function satisfy(
  connection: Connection,
  condition: string,
  options: SatisfyOptions,
): Promise<SatisfiedCondition> {
  const request = { condition: idOf('conditions', condition), reason: options.reason ?? '' }
  const response = await connection.unary(satisfyRpc, request, options)
  return {
    condition: present(response.condition),
    lifted: response.lifted,
    revision: response.revision as Revision,
  }
}

export async function revokeCondition(
  connection: Connection,
  condition: string,
  options: RevokeConditionOptions,
): Promise<ChangedCondition> {
  const request = { condition: idOf('conditions', condition), reason: options.reason }
  const response = await connection.unary(revokeRpc, request, options)
  return { condition: present(response.condition), revision: response.revision as Revision }
}

export async function pageOfConditions(
  connection: Connection,
  options: ListOptions,
  pageToken: string,
): Promise<Page<Condition>> {
  const request = listFields(options, pageToken)
  const { conditions, revision, nextPageToken } = await connection.unary(listRpc, request, options)
  return { items: conditions, revision: revision as Revision, nextPageToken }
}
