import type {
  InstanceHeartbeat,
  InstanceStarted,
  InstanceStopped,
} from '../../../../proto/gen/holdfast/v1/event.ts'
import type { Process } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { type Instance, Instance_State } from '../../../../proto/gen/holdfast/v1/service.ts'
import { basisOf, isOlder, type Origin } from '../basis.ts'
import type { IncomingEvent } from '../incoming-event.ts'
import { timestampFromInstant } from '../instant.ts'
import { isRetired, resolveMachine } from '../machine-identity.ts'
import { sameInterval } from '../report-interval.ts'
import type { WorkingSet } from '../working-set.ts'
import { Effect, type FoldOutcome } from './outcome.ts'
import { instanceAt, mergedLabels, resolveService } from './resource.ts'
import { withSeenVersion } from './seen-version.ts'

type Report = InstanceStarted | InstanceStopped | InstanceHeartbeat

/** What a report makes of an instance; undefined when it agrees with what stands. */
type Turn = (instance: Instance, origin: Origin) => Instance | undefined

/** An instance started: it runs since then, as this process. */
export function foldStarted(
  state: WorkingSet,
  event: IncomingEvent,
  started: InstanceStarted,
  origin: Origin,
): FoldOutcome {
  const turn: Turn = (instance, origin) => {
    const labels = mergedLabels(instance.labels, started.labels, 'instance_started.labels')
    const goesOn = instance.state === Instance_State.RUNNING && sameProcess(instance.process, started.process)
    const again =
      goesOn &&
      (started.version === '' || started.version === instance.runningVersion) &&
      (started.environment === '' || started.environment === instance.environment) &&
      labels === undefined
    if (again) return undefined
    const starts = !goesOn || started.version !== instance.runningVersion
    return {
      ...(starts ? withSeenVersion(instance, started.version, origin) : instance),
      state: Instance_State.RUNNING,
      stateTime: goesOn ? instance.stateTime : timestampFromInstant(origin.effectiveAt),
      runningVersion: started.version || instance.runningVersion,
      environment: started.environment || instance.environment,
      process: started.process,
      exitCode: undefined,
      labels: labels ?? instance.labels,
    }
  }
  return foldReport(state, started, { event, origin, turn })
}

/** An instance stopped. A second stop says nothing new. */
export function foldStopped(
  state: WorkingSet,
  event: IncomingEvent,
  stopped: InstanceStopped,
  origin: Origin,
): FoldOutcome {
  const turn: Turn = (instance) =>
    instance.state === Instance_State.STOPPED
      ? undefined
      : {
          ...instance,
          state: Instance_State.STOPPED,
          stateTime: timestampFromInstant(origin.effectiveAt),
          exitCode: stopped.exitCode,
        }
  return foldReport(state, stopped, { event, origin, turn })
}

/** An instance still runs. Kept as an event only when that is news. */
export function foldHeartbeat(
  state: WorkingSet,
  event: IncomingEvent,
  heartbeat: InstanceHeartbeat,
  origin: Origin,
): FoldOutcome {
  const turn: Turn = (instance, origin) => {
    const runs = instance.state === Instance_State.RUNNING
    const interval = heartbeat.interval ?? instance.reportInterval
    const known = heartbeat.version === '' || heartbeat.version === instance.runningVersion
    if (runs && known && sameInterval(interval, instance.reportInterval)) return undefined
    return {
      ...(known ? instance : withSeenVersion(instance, heartbeat.version, origin)),
      state: Instance_State.RUNNING,
      stateTime: runs ? instance.stateTime : timestampFromInstant(origin.effectiveAt),
      runningVersion: heartbeat.version || instance.runningVersion,
      exitCode: undefined,
      reportInterval: interval,
    }
  }
  const before = state.head
  const outcome = foldReport(state, heartbeat, { event, origin, turn })
  return state.head > before ? outcome : { ...outcome, kept: undefined }
}

function foldReport(
  state: WorkingSet,
  report: Report,
  { event, origin, turn }: { event: IncomingEvent; origin: Origin; turn: Turn },
): FoldOutcome {
  const machine = resolveMachine(state, report.machine!, origin.effectiveAt)
  const service = resolveService(state, report.service)
  const { row, instance } = instanceAt(state, machine, report)
  const place = { machine, service, environment: instance.environment, kept: event }
  if (isRetired(machine)) return { ...place, effect: Effect.SUPERSEDED }
  if (row !== undefined && isOlder(origin, instance.runningBasis, row.observedAt)) {
    return { ...place, effect: Effect.SUPERSEDED }
  }
  const turned = turn(instance, origin)
  if (turned === undefined) {
    state.observe(row!, origin.effectiveAt)
    return { ...place, effect: Effect.NONE }
  }
  state.put('instance', { ...turned, runningBasis: basisOf(origin) }, origin.effectiveAt)
  return { ...place, environment: turned.environment, effect: Effect.CHANGED }
}

/** Whether two reports mean the same process. Without a pid and its start, a new start is a restart. */
export function sameProcess(a: Process | undefined, b: Process | undefined): boolean {
  if (a === undefined || b === undefined || a.pid === 0n || a.pid !== b.pid) return false
  return (
    a.creationTime !== undefined &&
    b.creationTime !== undefined &&
    a.creationTime.seconds === b.creationTime.seconds &&
    a.creationTime.nanos === b.creationTime.nanos
  )
}
