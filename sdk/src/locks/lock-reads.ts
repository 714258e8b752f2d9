import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import { LockServiceDefinition } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import type { CallOptions } from '../connect-options.ts'
import type { Connection } from '../connection.ts'
import { nameOf } from '../machine-ref.ts'
import type { Page } from '../paginator.ts'
import { type ListOptions, listFields, present, type ReadOptions } from '../reads.ts'
import { asOfFields, type Revision } from '../revision.ts'
import { rpc } from '../rpc.ts'
import { parseFence } from './fencing-token.ts'
import { errorOfLockStatus } from './lock-status.ts'
import { type ScopeInput, scopeOf } from './scope.ts'

/** What a listing of what covers scopes takes. */
export interface ScopedListOptions extends ListOptions {
  /** Only what overlaps this. @defaultValue all */
  scope?: ScopeInput | undefined
}

const { methods } = LockServiceDefinition
const getLockRpc = rpc(LockServiceDefinition, methods.getLock, errorOfLockStatus)
const listLocksRpc = rpc(LockServiceDefinition, methods.listLocks, errorOfLockStatus)
const verifyFenceRpc = rpc(LockServiceDefinition, methods.verifyFence, errorOfLockStatus)

export async function getLock(connection: Connection, name: string, options: ReadOptions): Promise<Lock> {
  const request = { name: nameOf('locks', name), ...asOfFields(options.asOf) }
  return present((await connection.unary(getLockRpc, request, options)).lock)
}

export async function pageOfLocks(
  connection: Connection,
  options: ScopedListOptions,
  pageToken: string,
): Promise<Page<Lock>> {
  const { scope } = options
  const request = {
    ...listFields(options, pageToken),
    scope: scope === undefined ? undefined : scopeOf(scope),
  }
  const { locks, revision, nextPageToken } = await connection.unary(listLocksRpc, request, options)
  return { items: locks, revision: revision as Revision, nextPageToken }
}

/** The lock that a fence is of. @throws StaleTokenError when it is not held under that token. */
export async function verifyFence(
  connection: Connection,
  fence: string,
  options: CallOptions,
): Promise<Lock> {
  return present((await connection.unary(verifyFenceRpc, parseFence(fence), options)).lock)
}
