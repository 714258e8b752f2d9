import type { Finding } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { type Instance, Instance_State } from '../../../../proto/gen/holdfast/v1/service.ts'
import { basisOf, isOlder, type Origin } from '../basis.ts'
import { sameProcess } from '../fold/instance-reported.ts'
import { instanceAt, resolveService } from '../fold/resource.ts'
import { withSeenVersion } from '../fold/seen-version.ts'
import { timestampFromInstant } from '../instant.ts'
import { sameInterval } from '../report-interval.ts'
import { idOf, instanceName } from '../resource-name.ts'
import type { WorkingSet } from '../working-set.ts'
import { withRuledLabels } from './ruled-labels.ts'

export const instanceNameOf = ({ machine, service, slot }: Finding): string =>
  instanceName({ machine: idOf(machine), service, slot })

/**
 * Brings the instance of an accepted finding up to what is seen. `ruled` are the labels that the finding's rule gave it
 * before.
 */
export function putRunning(
  state: WorkingSet,
  finding: Finding,
  { origin, ruled }: { origin: Origin; ruled: Readonly<Record<string, string>> },
): void {
  const { row, instance } = placeOf(state, finding)
  if (row !== undefined && isOlder(origin, instance.runningBasis, row.observedAt)) return
  const running = instance.state === Instance_State.RUNNING
  // Who started it may not have told the process, and then this is it.
  const goesOn = running && (instance.process === undefined || sameProcess(instance.process, finding.process))
  // A script knows better than a look at the executable which version it started.
  const version = (goesOn && instance.runningVersion) || finding.version || instance.runningVersion
  const reportInterval = finding.reportInterval ?? instance.reportInterval
  const often = sameInterval(reportInterval, instance.reportInterval)
  const labels = withRuledLabels(instance.labels, ruled, finding.labels)
  if (
    row !== undefined &&
    often &&
    goesOn &&
    instance.process !== undefined &&
    version === instance.runningVersion &&
    labels === instance.labels
  ) {
    state.observe(row, origin.effectiveAt)
    return
  }
  const next: Instance = {
    ...(goesOn ? instance : withSeenVersion(instance, finding.version, origin)),
    state: Instance_State.RUNNING,
    stateTime: goesOn
      ? instance.stateTime
      : (finding.process?.creationTime ?? timestampFromInstant(origin.effectiveAt)),
    runningVersion: version,
    process: finding.process,
    exitCode: undefined,
    reportInterval,
    labels,
    runningBasis: basisOf(origin),
  }
  state.put('instance', next, origin.effectiveAt)
}

/** Makes the instance of what must run and was never seen to. */
export function putKnown(state: WorkingSet, finding: Finding): void {
  const { row, instance } = placeOf(state, finding)
  if (row === undefined) state.put('instance', instance)
}

/** The instance of a finding as it stands or would begin, with its service, of which the rule may know the kind. */
function placeOf(state: WorkingSet, finding: Finding): ReturnType<typeof instanceAt> {
  const machine = state.find('machine', finding.machine)!
  const { resource: service } = resolveService(state, finding.service)
  if (service.kind === '' && finding.serviceKind !== '') {
    state.put('service', { ...service, kind: finding.serviceKind })
  }
  const place = instanceAt(state, machine, finding)
  if (place.row !== undefined || finding.environment === '') return place
  return { ...place, instance: { ...place.instance, environment: finding.environment } }
}
