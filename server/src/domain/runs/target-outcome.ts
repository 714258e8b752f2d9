import {
  type Run,
  Run_Kind,
  Run_State,
  RunTarget_Outcome,
  type TargetCounts,
} from '../../../../proto/gen/holdfast/v1/run.ts'
import { API_SOURCE } from '../amendment.ts'
import { moveDeployedVersion } from '../fold/deployment-recorded.ts'
import { instanceAt } from '../fold/resource.ts'
import { type Instant, instantFromTimestamp } from '../instant.ts'
import { isRetired, resolveMachine } from '../machine-identity.ts'
import { idOf } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'

/** What became of a target, as it was told. */
export interface TargetReport {
  /** The id of the machine. */
  machine: string
  outcome: RunTarget_Outcome
  message: string
}

const COUNT = {
  [RunTarget_Outcome.PENDING]: 'pending',
  [RunTarget_Outcome.SUCCEEDED]: 'succeeded',
  [RunTarget_Outcome.FAILED]: 'failed',
  [RunTarget_Outcome.SKIPPED]: 'skipped',
  [RunTarget_Outcome.UNCERTAIN]: 'uncertain',
} as const satisfies Record<number, keyof TargetCounts>

const countOf = (outcome: RunTarget_Outcome): keyof TargetCounts => COUNT[outcome as keyof typeof COUNT]

/** How many machines a run shows by itself. */
export const MAX_SHOWN = 16

/** What targets that nobody reported get when their run ends. */
export const UNREPORTED: Partial<Record<Run_State, RunTarget_Outcome>> = {
  [Run_State.SUCCEEDED]: RunTarget_Outcome.SUCCEEDED,
  [Run_State.FAILED]: RunTarget_Outcome.FAILED,
  [Run_State.CANCELLED]: RunTarget_Outcome.SKIPPED,
  [Run_State.ABANDONED]: RunTarget_Outcome.UNCERTAIN,
}

/**
 * Notes what became of targets; a machine that the run did not name is added to it. Where a deploy succeeded,
 * its version is the deployed one since `effectiveAt`. Gives the run with its new counts, which is not put yet, and
 * the machines of which something new was told.
 */
export function noteTargets(
  state: WorkingSet,
  row: Row<'run'>,
  { reports, effectiveAt }: { reports: readonly TargetReport[]; effectiveAt: Instant },
): { run: Run; machines: Row<'machine'>[] } {
  const run = row.resource
  const targets: TargetCounts = { ...noTargets(), ...run.targets }
  const shown = [...run.machines]
  const machines: Row<'machine'>[] = []
  for (const { machine: id, outcome, message } of reports) {
    const machine = resolveMachine(state, { id, aliases: [] })
    const before = state.target(row, id)
    if (before !== undefined && before.outcome === outcome && before.message === message) continue
    machines.push(machine)
    if (before === undefined) targets.total++
    else targets[countOf(before.outcome)]--
    targets[countOf(outcome)]++
    if (before === undefined && shown.length < MAX_SHOWN) shown.push(machine.resource.name)
    const startedAt = row.resource.startTime!
    state.putTarget({
      runId: row.id,
      machine: id,
      outcome,
      message,
      reportedAt: state.now,
      startedAt: instantFromTimestamp(startedAt),
    })
    if (run.kind !== Run_Kind.DEPLOY) continue
    if (outcome === RunTarget_Outcome.SUCCEEDED) deploy(state, run, { machine, effectiveAt })
    else if (outcome === RunTarget_Outcome.UNCERTAIN) doubt(state, run, machine)
  }
  return { run: { ...run, targets, machines: shown }, machines }
}

export const noTargets = (): TargetCounts => ({
  total: 0,
  pending: 0,
  succeeded: 0,
  failed: 0,
  skipped: 0,
  uncertain: 0,
})

/** Nobody knows whether the version of a run has arrived. */
function doubt(
  state: WorkingSet,
  { name, service, slot, version, environment }: Run,
  machine: Row<'machine'>,
): void {
  const { instance } = instanceAt(state, machine, { service: idOf(service), slot })
  if (isRetired(machine)) return
  const uncertainDeployment = { run: name, version, abandonTime: state.nowTimestamp }
  state.put('instance', { ...instance, environment, uncertainDeployment })
}

function deploy(
  state: WorkingSet,
  run: Run,
  { machine, effectiveAt }: { machine: Row<'machine'>; effectiveAt: Instant },
): void {
  const { slot, version, environment, name: deploymentId, principal } = run
  moveDeployedVersion(state, {
    machine,
    deployment: { service: idOf(run.service), slot, version, environment, deploymentId },
    origin: { source: API_SOURCE, epoch: 0, seq: 0, effectiveAt, occurredAt: effectiveAt, principal },
  })
}
