import type { ConditionSatisfied, NoteRecorded } from '../../../../proto/gen/holdfast/v1/event.ts'
import type { Origin } from '../basis.ts'
import type { IncomingEvent } from '../incoming-event.ts'
import { instantFromTimestamp, timestampFromInstant } from '../instant.ts'
import { satisfyCondition } from '../locks/conditions.ts'
import { resolveMachine } from '../machine-identity.ts'
import { conditionName } from '../resource-name.ts'
import type { WorkingSet } from '../working-set.ts'
import { foldDeployment } from './deployment-recorded.ts'
import { foldHeartbeat, foldStarted, foldStopped } from './instance-reported.ts'
import { foldMachineHeartbeat } from './machine-heartbeat.ts'
import { foldMachineObserved, foldProcessesObserved } from './machine-observed.ts'
import { Effect, type FoldOutcome } from './outcome.ts'
import { resolveService } from './resource.ts'

/** Folds one event, already found valid, into the state. The one place that knows every type of event. */
export function foldEvent(state: WorkingSet, event: IncomingEvent, origin: Origin): FoldOutcome {
  const payload = event.payload
  switch (payload?.$case) {
    case 'machineObserved':
      return foldMachineObserved(state, event, payload.value, origin)
    case 'processesObserved':
      return foldProcessesObserved(state, event, payload.value, origin)
    case 'machineHeartbeat':
      return foldMachineHeartbeat(state, event, payload.value, origin)
    case 'instanceStarted':
      return foldStarted(state, event, payload.value, origin)
    case 'instanceStopped':
      return foldStopped(state, event, payload.value, origin)
    case 'instanceHeartbeat':
      return foldHeartbeat(state, event, payload.value, origin)
    case 'deploymentRecorded':
      return foldDeployment(state, event, payload.value, origin)
    case 'conditionSatisfied':
      return foldCondition(state, event, payload.value, origin)
    case 'noteRecorded':
      return foldNote(state, event, payload.value)
    case 'resourceAmended':
    case 'runStarted':
    case 'runFinished':
    case 'runTargetsReported':
    case undefined:
      throw new TypeError(`an event of type ${payload?.$case} passed validation`)
  }
}

/**
 * A condition is true once recorded, and lifts the holds that wait for it; told again, it stays as it was first told. What
 * comes late does not undo a revocation since.
 */
function foldCondition(
  state: WorkingSet,
  event: IncomingEvent,
  { condition, reason }: ConditionSatisfied,
  origin: Origin,
): FoldOutcome {
  const revoked = state.find('condition', conditionName(condition))?.resource.revokeTime
  if (revoked !== undefined && origin.effectiveAt < instantFromTimestamp(revoked))
    return { effect: Effect.SUPERSEDED, kept: event }
  const at = timestampFromInstant(origin.effectiveAt)
  const satisfied = satisfyCondition(state, { condition, reason, by: origin.source, at })
  return { effect: satisfied === undefined ? Effect.NONE : Effect.CHANGED, kept: event }
}

/** A note changes nothing, though it may be the first to mention a machine or service. */
function foldNote(state: WorkingSet, event: IncomingEvent, note: NoteRecorded): FoldOutcome {
  const machine = note.machine === undefined ? undefined : resolveMachine(state, note.machine)
  const service = note.service === '' ? undefined : resolveService(state, note.service)
  return { effect: Effect.NONE, machine, service, environment: note.environment || undefined, kept: event }
}
