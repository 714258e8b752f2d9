import {
  type DeploymentRecorded,
  DeploymentRecorded_Status,
} from '../../../../proto/gen/holdfast/v1/event.ts'
import { basisOf, isOlder, type Origin } from '../basis.ts'
import type { IncomingEvent } from '../incoming-event.ts'
import { NEVER, timestampFromInstant } from '../instant.ts'
import { isRetired, resolveMachine } from '../machine-identity.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { Effect, type FoldOutcome } from './outcome.ts'
import { DEFAULT_ENVIRONMENT, instanceAt, resolveService } from './resource.ts'
import { settles } from './seen-version.ts'

/**
 * A deployment that succeeded sets the deployed version of every machine it names, all in one revision. One
 * that began or failed stands on the timeline only.
 */
export function foldDeployment(
  state: WorkingSet,
  event: IncomingEvent,
  deployment: DeploymentRecorded,
  origin: Origin,
): FoldOutcome {
  const service = resolveService(state, deployment.service)
  const machines = deployment.machines.map((ref) => resolveMachine(state, ref))
  let changed = false
  let superseded = false
  let environment = deployment.environment
  for (const machine of machines) {
    environment ||= instanceAt(state, machine, deployment).instance.environment
    if (deployment.status !== DeploymentRecorded_Status.SUCCEEDED) continue
    const effect = moveDeployedVersion(state, { machine, deployment, origin })
    changed ||= effect === Effect.CHANGED
    superseded ||= effect === Effect.SUPERSEDED
  }
  return {
    effect: changed ? Effect.CHANGED : superseded ? Effect.SUPERSEDED : Effect.NONE,
    service,
    environment: environment || DEFAULT_ENVIRONMENT,
    kept: event,
    ...(machines.length === 1 ? { machine: machines[0] } : { targets: machines }),
  }
}

/** What was deployed, and by what. */
type Deployed = Pick<DeploymentRecorded, 'service' | 'slot' | 'version' | 'environment' | 'deploymentId'>

/** A version has been deployed to a machine: it is the deployed one there, unless a later one is. */
export function moveDeployedVersion(
  state: WorkingSet,
  { machine, deployment, origin }: { machine: Row<'machine'>; deployment: Deployed; origin: Origin },
): FoldOutcome['effect'] {
  const { row, instance } = instanceAt(state, machine, deployment)
  if (isRetired(machine) || isOlder(origin, instance.deployedBasis, NEVER)) return Effect.SUPERSEDED
  if (row !== undefined && deploysTheSame(row, deployment)) return Effect.NONE
  const uncertain = instance.uncertainDeployment
  state.put('instance', {
    ...instance,
    environment: deployment.environment || instance.environment,
    deployedVersion: deployment.version,
    deployTime: timestampFromInstant(origin.effectiveAt),
    deploymentId: deployment.deploymentId,
    deployedBasis: basisOf(origin),
    uncertainDeployment: settles(origin, uncertain) ? undefined : uncertain,
  })
  return Effect.CHANGED
}

/** The same deployment told twice, as a tool does that retries under a new event id. */
const deploysTheSame = ({ resource }: Row<'instance'>, deployment: Deployed): boolean =>
  deployment.deploymentId !== '' &&
  resource.deploymentId === deployment.deploymentId &&
  resource.deployedVersion === deployment.version &&
  (deployment.environment === '' || resource.environment === deployment.environment)
