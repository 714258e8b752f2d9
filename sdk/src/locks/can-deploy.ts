import { LockServiceDefinition } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import type { CallOptions } from '../connect-options.ts'
import type { Connection } from '../connection.ts'
import { rpc } from '../rpc.ts'
import { acquireRequest } from './acquire-options.ts'
import { type Blocker, blockerOf } from './blocker.ts'
import { deployScopes } from './deploy-scopes.ts'
import { BlockedError, LockHeldError } from './lock-errors.ts'
import { errorOfLockStatus } from './lock-status.ts'

/** What is to be deployed, and where. */
export interface CanDeployOptions extends CallOptions {
  service: string
  /** @defaultValue `production` */
  environment?: string | undefined
  /** On which machines; beyond 64 it is asked of the service in its environment, as a deploy locks it. @defaultValue all */
  machines?: readonly string[] | undefined
  /** Which version, for the `when` of holds. */
  version?: string | undefined
  /** Conditions that must be true: up to 16. */
  requires?: readonly string[] | undefined
}

/** Whether a deployment may begin now. */
export interface CanDeploy {
  allowed: boolean
  /** What is in the way, first what to look at first; empty when it is allowed. */
  blockers: readonly Blocker[]
  /** How many there are in all. */
  totalBlockers: number
}

const { methods } = LockServiceDefinition
// An attempt that takes nothing is answered once: what is a stream by the contract is read as one answer.
const validateRpc = rpc(LockServiceDefinition, methods.acquireLock, errorOfLockStatus)

export async function canDeploy(connection: Connection, options: CanDeployOptions): Promise<CanDeploy> {
  const { version, requires } = options
  const attributes = version === undefined ? undefined : { version }
  // As one that would wait: it is told of all that it would wait for, where a refusal tells what fits in an error.
  const wanted = { attributes, requires, waitMs: 1000 }
  const request = { ...acquireRequest(deployScopes(options), wanted), validateOnly: true }
  try {
    const { answer } = await connection.unary(validateRpc, request, options)
    if (answer?.$case !== 'queued') return { allowed: true, blockers: [], totalBlockers: 0 }
    const { blockers, totalBlockers } = answer.value
    return { allowed: false, blockers: blockers.map(blockerOf), totalBlockers }
  } catch (error) {
    if (!(error instanceof LockHeldError || error instanceof BlockedError)) throw error
    const { blockers, totalBlockers } = error
    return { allowed: false, blockers, totalBlockers }
  }
}
