import type { Instance } from '../../../../proto/gen/holdfast/v1/service.ts'
import { basisOf, type Origin } from '../basis.ts'
import { instantFromTimestamp, timestampFromInstant } from '../instant.ts'

/**
 * An instance of which a version was seen to start. It tells whether a deployment that was abandoned before has
 * arrived: what starts is what is there.
 */
export function withSeenVersion(instance: Instance, version: string, origin: Origin): Instance {
  const uncertain = instance.uncertainDeployment
  if (uncertain === undefined || version === '') return instance
  if (origin.effectiveAt < instantFromTimestamp(uncertain.abandonTime!)) return instance
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
