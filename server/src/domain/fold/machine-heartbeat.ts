import type { MachineHeartbeat } from '../../../../proto/gen/holdfast/v1/event.ts'
import type { Origin } from '../basis.ts'
import { seeFindings } from '../discovery/fold-scan.ts'
import { HoldfastError } from '../error.ts'
import { facetDigest } from '../facet-digest.ts'
import type { IncomingEvent } from '../incoming-event.ts'
import { isRetired, resolveMachine } from '../machine-identity.ts'
import { sameInterval } from '../report-interval.ts'
import { facetName, idOf } from '../resource-name.ts'
import type { Row } from '../rows.ts'
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
  proveFacets(state, machine, { digests: heartbeat.facetDigests, origin })
  if (heartbeat.processesUnchanged) seeFindings(state, machine, origin)
  const changed = state.head > before
  return { effect: changed ? Effect.CHANGED : Effect.NONE, machine, kept: changed ? event : undefined }
}

/** Facets that are as their source says are seen again. Refuses when one is not: the source then sends it whole. */
function proveFacets(
  state: WorkingSet,
  machine: Row<'machine'>,
  { digests, origin }: { digests: Record<string, Uint8Array>; origin: Origin },
): void {
  const proven: Row<'facet'>[] = []
  const differing: string[] = []
  for (const [facet, digest] of Object.entries(digests)) {
    const row = state.find('facet', facetName(idOf(machine.resource.name), facet))
    // What was seen since, or changed by another source, is no business of this proof: two that differ would take turns.
    if (row !== undefined && (origin.effectiveAt < row.observedAt || row.resource.source !== origin.source))
      continue
    if (row !== undefined && facetDigest(row.resource.attributes).equals(digest)) proven.push(row)
    else differing.push(facet)
  }
  if (differing.length > 0) {
    const facets = differing.join(',')
    throw new HoldfastError(
      'FACETS_DIFFER',
      `${facets} of ${machine.resource.name} differ; send them whole`,
      {
        metadata: { facets },
      },
    )
  }
  for (const row of proven) state.observe(row, origin.effectiveAt)
}
