import type { MachineHeartbeat } from '../../../../proto/gen/holdfast/v1/event.ts'
import type { Origin } from '../basis.ts'
import { seeFindings } from '../discovery/fold-scan.ts'
import type { IncomingEvent } from '../incoming-event.ts'
import { isRetired, resolveMachine } from '../machine-identity.ts'
import { sameInterval } from '../report-interval.ts'
import type { WorkingSet } from '../working-set.ts'
import { Effect, type FoldOutcome } from './outcome.ts'

/** A machine is still there, and perhaps all that runs on it. Kept as an event only when that is news. */
export function foldMachineHeartbeat(
  state: WorkingSet,
  event: IncomingEvent,
  heartbeat: MachineHeartbeat,
  origin: Origin,
): FoldOutcome {
  const before = state.head
  const machine = resolveMachine(state, heartbeat.machine!, origin.effectiveAt)
  if (isRetired(machine)) return { effect: Effect.SUPERSEDED, machine, kept: undefined }
  const { interval } = heartbeat
  if (interval !== undefined && !sameInterval(machine.resource.reportInterval, interval)) {
    if (origin.effectiveAt >= machine.observedAt) {
      state.put('machine', { ...machine.resource, reportInterval: interval }, origin.effectiveAt)
    }
  }
  if (heartbeat.processesUnchanged) seeFindings(state, machine, origin)
  const changed = state.head > before
  return { effect: changed ? Effect.CHANGED : Effect.NONE, machine, kept: changed ? event : undefined }
}
