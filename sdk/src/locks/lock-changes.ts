import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import { LockServiceDefinition } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import type { CallOptions } from '../connect-options.ts'
import type { Connection } from '../connection.ts'
import { nameOf } from '../machine-ref.ts'
import { present } from '../reads.ts'
import type { Revision } from '../revision.ts'
import { rpc } from '../rpc.ts'
import { errorOfLockStatus } from './lock-status.ts'

/** What ending somebody else's lock takes. */
export interface ForceReleaseOptions extends CallOptions {
  /** Its fencing token as it was seen, so that not the next lock is ended; 0 while it waits. */
  fencingToken: bigint
  /** Why: on record, and told to the holder. */
  reason: string
}

/** What asking a holder to let go takes. */
export interface RequestReleaseOptions extends CallOptions {
  /** Why: told to the holder. */
  reason: string
}

/** A lock after a change. */
export interface ChangedLock {
  lock: Lock
  /** A read at it sees the change. */
  revision: Revision
}

const { methods } = LockServiceDefinition
const forceReleaseRpc = rpc(LockServiceDefinition, methods.forceReleaseLock, errorOfLockStatus)
const requestReleaseRpc = rpc(LockServiceDefinition, methods.requestRelease, errorOfLockStatus)

export async function forceReleaseLock(
  connection: Connection,
  name: string,
  options: ForceReleaseOptions,
): Promise<ChangedLock> {
  const { fencingToken, reason } = options
  const request = { name: nameOf('locks', name), fencingToken, reason }
  const { lock, revision } = await connection.unary(forceReleaseRpc, request, options)
  return { lock: present(lock), revision: revision as Revision }
}

export async function requestRelease(
  connection: Connection,
  name: string,
  options: RequestReleaseOptions,
): Promise<ChangedLock> {
  const request = { name: nameOf('locks', name), reason: options.reason }
  const { lock, revision } = await connection.unary(requestReleaseRpc, request, options)
  return { lock: present(lock), revision: revision as Revision }
}
