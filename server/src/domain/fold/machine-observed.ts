import type { Event, MachineObserved, ProcessesObserved } from '../../../../proto/gen/holdfast/v1/event.ts'
import type { Facet, HardwareSummary } from '../../../../proto/gen/holdfast/v1/machine.ts'
import type { Origin } from '../basis.ts'
import { timestampFromInstant } from '../instant.ts'
import { jsonEqual } from '../json-equal.ts'
import { isRetired, resolveMachine } from '../machine-identity.ts'
import { facetName, idOf } from '../resource-name.ts'
import type { WorkingSet } from '../working-set.ts'
import { Effect, type FoldOutcome } from './outcome.ts'
import { mergedLabels } from './resource.ts'

type Attributes = Record<string, unknown>

/**
 * A look at a machine. Facets that differ from what stands change; the others are only seen again. Of the
 * event, the attributes that changed are kept, since the rest stands in the state: 8 kB of facts of which
 * five changed would otherwise be stored whole every half hour.
 */
export function foldMachineObserved(
  state: WorkingSet,
  event: Event,
  observed: MachineObserved,
  origin: Origin,
): FoldOutcome {
  const before = state.head
  const machine = resolveMachine(state, observed.machine!, origin.effectiveAt)
  if (isRetired(machine)) return { effect: Effect.SUPERSEDED, machine, kept: event }

  const changed: MachineObserved['facets'] = []
  let skipped = 0
  let summary = machine.resource.hardware
  for (const { facet, attributes = {}, complete } of observed.facets) {
    const name = facetName(idOf(machine.resource.name), facet)
    const row = state.find('facet', name)
    if (row !== undefined && origin.effectiveAt < row.observedAt) {
      skipped++
      continue
    }
    const difference = compare(row?.resource.attributes ?? {}, attributes, complete)
    if (row !== undefined && difference === undefined) {
      state.observe(row, origin.effectiveAt)
      continue
    }
    const next: Facet = {
      name,
      machine: machine.resource.name,
      attributes: difference?.merged ?? {},
      observedTime: undefined,
      changeTime: undefined,
      changeRevision: 0n,
      source: origin.source,
    }
    state.put('facet', next, origin.effectiveAt)
    changed.push({ facet, attributes: difference?.changed ?? {}, complete: false })
    summary = summarize(summary, facet, next.attributes as Attributes)
  }

  // Labels have no time of their own: they are as late as the facets that came with them.
  const late = skipped > 0 && skipped === observed.facets.length
  const labels = late ? undefined : mergedLabels(machine.resource.labels, observed.labels)
  if (labels !== undefined || !jsonEqual(summary, machine.resource.hardware)) {
    const resource = { ...machine.resource, labels: labels ?? machine.resource.labels, hardware: summary }
    state.put('machine', resource, origin.effectiveAt)
  }
  // A machine that was made by this event counts as a change of it.
  if (changed.length > 0 || labels !== undefined || state.head > before) {
    const kept: Event = {
      ...event,
      payload: { $case: 'machineObserved', value: { ...observed, facets: changed } },
    }
    return { effect: Effect.CHANGED, machine, kept }
  }
  return skipped > 0
    ? { effect: Effect.SUPERSEDED, machine, kept: event }
    : { effect: Effect.NONE, machine, kept: undefined }
}

/** A scan replaces the one before, beside the state: processes come and go too often for revisions. */
export function foldProcessesObserved(
  state: WorkingSet,
  event: Event,
  observed: ProcessesObserved,
  origin: Origin,
): FoldOutcome {
  const before = state.head
  const machine = resolveMachine(state, observed.machine!, origin.effectiveAt)
  state.putScan(machine, origin.effectiveAt, {
    observedTime: timestampFromInstant(origin.effectiveAt),
    complete: observed.complete,
    processes: observed.processes,
  })
  if (state.head === before) return { effect: Effect.NONE, machine, kept: undefined }
  // The first word of a machine, or of a key of it, is kept; its processes are not.
  const value = { ...observed, processes: [] }
  return {
    effect: Effect.CHANGED,
    machine,
    kept: { ...event, payload: { $case: 'processesObserved', value } },
  }
}

/** How observed attributes differ from those that stand; undefined when they do not. Removed ones are null. */
function compare(
  standing: Attributes,
  given: Attributes,
  complete: boolean,
): { merged: Attributes; changed: Attributes } | undefined {
  const changed: Attributes = {}
  let differs = false
  for (const key in given) {
    if (Object.hasOwn(standing, key) && jsonEqual(standing[key], given[key])) continue
    changed[key] = given[key]
    differs = true
  }
  if (!complete) return differs ? { merged: { ...standing, ...changed }, changed } : undefined
  for (const key in standing) {
    if (Object.hasOwn(given, key)) continue
    changed[key] = null
    differs = true
  }
  return differs ? { merged: given, changed } : undefined
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const count = (value: unknown, max: number): number =>
  typeof value === 'number' && value >= 0 && value <= max ? Math.trunc(value) : 0
const bytes = (value: unknown): bigint => BigInt(count(value, Number.MAX_SAFE_INTEGER))
const INT32_MAX = 2_147_483_647

/** The figures that lists show, with those of one facet brought up to date. */
function summarize(
  summary: HardwareSummary | undefined,
  facet: string,
  attributes: Attributes,
): HardwareSummary | undefined {
  if (facet !== 'hardware' && facet !== 'os') return summary
  const base: HardwareSummary = summary ?? {
    cpuLogicalCount: 0,
    memoryBytes: 0n,
    diskBytes: 0n,
    diskCount: 0,
    cpuModel: '',
    arch: '',
    osType: '',
    osDescription: '',
  }
  if (facet === 'os') {
    return {
      ...base,
      arch: text(attributes['host.arch']),
      osType: text(attributes['os.type']),
      osDescription: text(attributes['os.description']),
    }
  }
  return {
    ...base,
    cpuLogicalCount: count(attributes['host.cpu.logical.count'], INT32_MAX),
    memoryBytes: bytes(attributes['host.memory.size']),
    diskBytes: bytes(attributes['host.disk.size']),
    diskCount: count(attributes['host.disk.count'], INT32_MAX),
    cpuModel: text(attributes['host.cpu.model.name']),
  }
}
