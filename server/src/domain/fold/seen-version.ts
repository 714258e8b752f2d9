import type { Instance, UncertainDeployment } from '../../../../proto/gen/holdfast/v1/service.ts'
import { basisOf, type Origin } from '../basis.ts'
import { instantFromTimestamp, timestampFromInstant } from '../instant.ts'

/**
 * An instance of which a version was seen to start. It tells whether a deployment that was abandoned before has
 * arrived: what starts is what is there.
 */
export function withSeenVersion(instance: Instance, version: string, origin: Origin): Instance {
  const uncertain = instance.uncertainDeployment
  if (uncertain === undefined || version === '' || !settles(origin, uncertain)) return instance
  const settled = { ...instance, uncertainDeployment: undefined }
  if (version !== uncertain.version) return settled
  return {
    ...settled,
    deployedVersion: version,
    deployTime: timestampFromInstant(origin.effectiveAt),
    deploymentId: uncertain.run,
    deployedBasis: basisOf(origin),
  }
}

/** Whether what is told may settle an abandoned deployment: what was before it was abandoned says nothing of it. */
export const settles = ({ effectiveAt }: Origin, uncertain: UncertainDeployment | undefined): boolean =>
  uncertain === undefined || effectiveAt >= instantFromTimestamp(uncertain.abandonTime!)
