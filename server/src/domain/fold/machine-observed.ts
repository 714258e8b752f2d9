import type { PackedFacet, PackedMachineObserved } from '../../../../proto/gen/holdfast/internal/v1/packed.ts'
import type { ProcessesObserved } from '../../../../proto/gen/holdfast/v1/event.ts'
import type { HardwareSummary } from '../../../../proto/gen/holdfast/v1/machine.ts'
import type { Origin } from '../basis.ts'
import { foldScan } from '../discovery/fold-scan.ts'
import { refuseViolations } from '../error.ts'
import type { IncomingEvent } from '../incoming-event.ts'
import { timestampFromInstant } from '../instant.ts'
import { jsonEqual } from '../json-equal.ts'
import { isRetired, resolveMachine } from '../machine-identity.ts'
import {
  AttributesFault,
  compareAttributes,
  MAX_DEPTH,
  refuseFaults,
  unpackAttribute,
} from '../packed-attributes.ts'
import { facetName, idOf } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { Effect, type FoldOutcome } from './outcome.ts'
import { mergedLabels } from './resource.ts'

const EMPTY = Buffer.alloc(0)

/** The same object where it is one: what it was taken apart into is remembered by it. */
const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * A look at a machine. Facets that differ from what stands change; the others are only seen again. A facet that was
 * seen, or a label that was told, later than this look stays. Of the
 * event, the attributes that changed are kept, since the rest stands in the state: 8 kB of facts of which
 * five changed would otherwise be stored whole every half hour.
 */
export function foldMachineObserved(
  state: WorkingSet,
  event: IncomingEvent,
  observed: PackedMachineObserved,
  origin: Origin,
): FoldOutcome {
  const before = state.head
  const machine = resolveMachine(state, observed.machine!, origin.effectiveAt)
  if (isRetired(machine)) return superseded(event, observed, machine)

  const changed: PackedMachineObserved['facets'] = []
  let skipped = 0
  let summary = machine.resource.hardware
  for (const [i, { facet, attributes, complete }] of observed.facets.entries()) {
    const name = facetName(idOf(machine.resource.name), facet)
    const row = state.find('facet', name)
    if (row !== undefined && origin.effectiveAt < row.observedAt) {
      skipped++
      continue
    }
    const standing = row?.resource.attributes ?? EMPTY
    const difference = checked(i, () => compareAttributes(standing, attributes, complete))
    if (row !== undefined && difference === undefined) {
      state.observe(row, origin.effectiveAt)
      continue
    }
    const next: PackedFacet = {
      name,
      machine: machine.resource.name,
      attributes: asBuffer(difference?.merged ?? EMPTY),
      observedTime: undefined,
      changeTime: undefined,
      changeRevision: 0n,
      source: origin.source,
    }
    state.put('facet', next, origin.effectiveAt)
    changed.push({ facet, attributes: asBuffer(difference?.changed ?? EMPTY), complete: false })
    summary = summarize(summary, facet, difference?.values ?? new Map())
  }

  const latest = state.labelTimes.tell(machine.id, observed.labels, origin.effectiveAt)
  skipped += Object.keys(observed.labels).length - Object.keys(latest).length
  const labels = mergedLabels(machine.resource.labels, latest, 'machine_observed.labels')
  if (labels !== undefined || !jsonEqual(summary, machine.resource.hardware)) {
    const resource = { ...machine.resource, labels: labels ?? machine.resource.labels, hardware: summary }
    state.put('machine', resource, origin.effectiveAt)
  }
  // A machine that was made by this event counts as a change of it.
  if (state.head > before) {
    const kept: IncomingEvent = {
      ...event,
      payload: { $case: 'machineObserved', value: { ...observed, facets: changed, labels: latest } },
    }
    return { effect: Effect.CHANGED, machine, kept }
  }
  return skipped > 0
    ? superseded(event, observed, machine)
    : { effect: Effect.NONE, machine, kept: undefined }
}

/** Refuses attributes that nobody could read back, of an observation that is compared with nothing. */
export function refuseUnreadable({ facets }: PackedMachineObserved): void {
  for (const [i, { attributes }] of facets.entries()) checked(i, () => refuseFaults(attributes))
}

/** Kept whole, so looked at whole. */
function superseded(
  event: IncomingEvent,
  observed: PackedMachineObserved,
  machine: Row<'machine'>,
): FoldOutcome {
  refuseUnreadable(observed)
  return { effect: Effect.SUPERSEDED, machine, kept: event }
}

/** Gives the fault of attributes the name of the field that they came in. */
function checked<T>(facet: number, act: () => T): T {
  try {
    return act()
  } catch (error) {
    if (!(error instanceof AttributesFault)) throw error
    const description =
      error.fault === 'too deep'
        ? `must not be nested more than ${MAX_DEPTH} levels deep`
        : 'holds a value that is not a valid google.protobuf.Value'
    refuseViolations([{ field: `machine_observed.facets[${facet}].attributes`, description }])
    throw error
  }
}

/**
 * A scan replaces the one before, beside the state: processes come and go too often for revisions. What discovery
 * finds in it is state.
 */
export function foldProcessesObserved(
  state: WorkingSet,
  event: IncomingEvent,
  observed: ProcessesObserved,
  origin: Origin,
): FoldOutcome {
  const before = state.head
  const machine = resolveMachine(state, observed.machine!, origin.effectiveAt)
  state.putScan(machine, origin.effectiveAt, {
    observedTime: timestampFromInstant(origin.effectiveAt),
    complete: observed.complete,
    processes: observed.processes,
    interval: observed.interval,
  })
  if (!isRetired(machine)) foldScan(state, machine, observed, origin)
  if (state.head === before) return { effect: Effect.NONE, machine, kept: undefined }
  // What changed is kept; the processes are not: those that matter are in what they changed.
  const value = { ...observed, processes: [] }
  return {
    effect: Effect.CHANGED,
    machine,
    kept: { ...event, payload: { $case: 'processesObserved', value } },
  }
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
  attributes: ReadonlyMap<string, Uint8Array>,
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
      arch: text(unpackAttribute(attributes, 'host.arch')),
      osType: text(unpackAttribute(attributes, 'os.type')),
      osDescription: text(unpackAttribute(attributes, 'os.description')),
    }
  }
  return {
    ...base,
    cpuLogicalCount: count(unpackAttribute(attributes, 'host.cpu.logical.count'), INT32_MAX),
    memoryBytes: bytes(unpackAttribute(attributes, 'host.memory.size')),
    diskBytes: bytes(unpackAttribute(attributes, 'host.disk.size')),
    diskCount: count(unpackAttribute(attributes, 'host.disk.count'), INT32_MAX),
    cpuModel: text(unpackAttribute(attributes, 'host.cpu.model.name')),
  }
}
