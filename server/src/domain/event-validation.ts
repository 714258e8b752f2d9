import type { Duration } from '../../../proto/gen/google/protobuf/duration.ts'
import type { PackedMachineObserved } from '../../../proto/gen/holdfast/internal/v1/packed.ts'
import { DeploymentRecorded_Status, type NoteRecorded } from '../../../proto/gen/holdfast/v1/event.ts'
import { Alias_Kind, type MachineRef, type Process } from '../../../proto/gen/holdfast/v1/machine.ts'
import { isStrong } from './alias.ts'
import type { FieldViolation } from './error.ts'
import { DIGEST_BYTES } from './facet-digest.ts'
import type { IncomingEvent } from './incoming-event.ts'
import { MAX_DEPTH } from './packed-attributes.ts'
import {
  facetViolation,
  idViolation,
  labelViolations,
  proseViolation,
  REASON,
  textViolation,
  wordViolation,
} from './resource-name.ts'
import { timeViolation } from './rfc3339.ts'

/** The most bytes of one encoded event. */
export const MAX_EVENT_BYTES = 1024 * 1024
/** The most events of one batch. */
export const MAX_BATCH_EVENTS = 5000

const MAX_ALIASES = 32
const MAX_MACHINES = 1000
const MAX_PROCESSES = 10_000
const MAX_FACETS = 64
const VERSION = { maxBytes: 256 }
/** A number that this version does not know is decoded as itself. */
const known = <T extends number>(values: Record<string, T>): Set<T> =>
  new Set(Object.values(values).filter((value) => value > 0))
const STATUSES = known(DeploymentRecorded_Status)
const ALIAS_KINDS = known(Alias_Kind)
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER)

type Check = FieldViolation | undefined

/** The source and epoch of a batch. */
export function batchViolations(batch: { source: string; epoch: bigint }): Check[] {
  return [
    wordViolation('batch.source', batch.source),
    batch.epoch > MAX_SAFE ? { field: 'batch.epoch', description: `must be at most ${MAX_SAFE}` } : undefined,
  ]
}

/** Everything that is wrong with an event by itself, whatever the state is. */
export function eventViolations(event: IncomingEvent): FieldViolation[] {
  const checks: Check[] = []
  if (!UUID.test(event.id)) {
    const got = JSON.stringify(event.id.slice(0, 64))
    checks.push({ field: 'id', description: `must be a UUID in its 36-character form; got ${got}` })
  }
  if (event.seq > MAX_SAFE) checks.push({ field: 'seq', description: `must be at most ${MAX_SAFE}` })
  const time = event.occurredTime
  if (time === undefined) {
    checks.push({
      field: 'occurred_time',
      description: 'is required: when it happened, by the clock of its source',
    })
  }
  checks.push(timeViolation('occurred_time', time))
  payloadChecks(event, checks)
  return checks.filter((check) => check !== undefined)
}

function payloadChecks({ payload }: IncomingEvent, checks: Check[]): void {
  switch (payload?.$case) {
    case undefined:
      checks.push({
        field: 'payload',
        description: 'is required: exactly one type of event, of those this server knows',
      })
      return
    case 'resourceAmended':
    case 'runStarted':
    case 'runFinished':
    case 'runTargetsReported':
      checks.push({
        field: payload.$case.replace(/[A-Z]/g, '_$&').toLowerCase(),
        description: 'is written by the server only; call the method that makes the change',
      })
      return
    case 'machineObserved':
      machineChecks('machine_observed.machine', payload.value.machine, checks)
      observedChecks(payload.value, checks)
      return
    case 'processesObserved': {
      machineChecks('processes_observed.machine', payload.value.machine, checks)
      const { processes } = payload.value
      if (processes.length > MAX_PROCESSES) {
        checks.push({
          field: 'processes_observed.processes',
          description: `must hold at most ${MAX_PROCESSES}; got ${processes.length}`,
        })
      } else {
        // The patterns of rules are matched against all of them, in a time that their length bounds.
        for (const [i, process] of processes.entries()) {
          processChecks(`processes_observed.processes[${i}]`, process, checks)
        }
      }
      checks.push(intervalViolation('processes_observed.interval', payload.value.interval))
      return
    }
    case 'machineHeartbeat':
      machineChecks('machine_heartbeat.machine', payload.value.machine, checks)
      checks.push(intervalViolation('machine_heartbeat.interval', payload.value.interval))
      digestChecks(payload.value.facetDigests, checks)
      return
    case 'instanceStarted': {
      const { machine, service, slot, version, environment, labels, process } = payload.value
      placeChecks('instance_started', { machine, service, slot }, checks)
      checks.push(textViolation('instance_started.version', version, VERSION))
      if (environment !== '') checks.push(idViolation('instance_started.environment', environment))
      checks.push(...labelViolations('instance_started.labels', labels))
      processChecks('instance_started.process', process, checks)
      return
    }
    case 'instanceStopped':
      placeChecks('instance_stopped', payload.value, checks)
      checks.push(proseViolation('instance_stopped.reason', payload.value.reason, REASON))
      return
    case 'instanceHeartbeat':
      placeChecks('instance_heartbeat', payload.value, checks)
      checks.push(textViolation('instance_heartbeat.version', payload.value.version, VERSION))
      checks.push(intervalViolation('instance_heartbeat.interval', payload.value.interval))
      return
    case 'deploymentRecorded': {
      const { service, slot, version, environment, machines, status, deploymentId, author, message } =
        payload.value
      const field = 'deployment_recorded'
      checks.push(idViolation(`${field}.service`, service))
      if (slot !== '') checks.push(idViolation(`${field}.slot`, slot))
      checks.push(textViolation(`${field}.version`, version, { minBytes: 1, ...VERSION }))
      if (environment !== '') checks.push(idViolation(`${field}.environment`, environment))
      if (machines.length < 1 || machines.length > MAX_MACHINES) {
        checks.push({
          field: `${field}.machines`,
          description: `must hold 1 to ${MAX_MACHINES}; got ${machines.length}`,
        })
      } else {
        for (const [i, machine] of machines.entries())
          machineChecks(`${field}.machines[${i}]`, machine, checks)
      }
      if (!STATUSES.has(status)) {
        checks.push({
          field: `${field}.status`,
          description: 'must be STATUS_STARTED, STATUS_SUCCEEDED or STATUS_FAILED',
        })
      }
      checks.push(textViolation(`${field}.deployment_id`, deploymentId, { maxBytes: 256 }))
      checks.push(textViolation(`${field}.author`, author, { maxBytes: 256 }))
      checks.push(proseViolation(`${field}.message`, message, REASON))
      return
    }
    case 'conditionSatisfied':
      checks.push(wordViolation('condition_satisfied.condition', payload.value.condition))
      checks.push(proseViolation('condition_satisfied.reason', payload.value.reason, REASON))
      return
    case 'noteRecorded':
      noteChecks(payload.value, checks)
  }
}

function noteChecks(note: NoteRecorded, checks: Check[]): void {
  if (note.attributes !== undefined && !isWithin(note.attributes, MAX_DEPTH)) {
    checks.push(tooDeep('note_recorded.attributes'))
  }
  checks.push(proseViolation('note_recorded.text', note.text, { minBytes: 1, maxBytes: 65_536 }))
  if (note.machine !== undefined) machineChecks('note_recorded.machine', note.machine, checks)
  if (note.service !== '') checks.push(idViolation('note_recorded.service', note.service))
  if (note.environment !== '') checks.push(idViolation('note_recorded.environment', note.environment))
}

function digestChecks(digests: Record<string, Uint8Array>, checks: Check[]): void {
  const entries = Object.entries(digests)
  if (entries.length > MAX_FACETS) {
    const description = `must hold at most ${MAX_FACETS}; got ${entries.length}`
    checks.push({ field: 'machine_heartbeat.facet_digests', description })
    return
  }
  for (const [facet, { length }] of entries) {
    const field = `machine_heartbeat.facet_digests[${JSON.stringify(facet)}]`
    checks.push(facetViolation(field, facet))
    if (length !== DIGEST_BYTES) {
      checks.push({ field, description: `must be ${DIGEST_BYTES} bytes long, a SHA-256; got ${length}` })
    }
  }
}

function observedChecks({ facets, labels }: PackedMachineObserved, checks: Check[]): void {
  if (facets.length > MAX_FACETS) {
    checks.push({
      field: 'machine_observed.facets',
      description: `must hold at most ${MAX_FACETS}; got ${facets.length}`,
    })
    return
  }
  const seen = new Set<string>()
  for (const [i, { facet }] of facets.entries()) {
    const field = `machine_observed.facets[${i}].facet`
    checks.push(facetViolation(field, facet))
    if (seen.has(facet))
      checks.push({ field, description: `names ${facet} a second time; send each facet once` })
    seen.add(facet)
  }
  checks.push(...labelViolations('machine_observed.labels', labels))
}

const tooDeep = (field: string): FieldViolation => ({
  field,
  description: `must not be nested more than ${MAX_DEPTH} levels deep`,
})

function isWithin(value: object, depth: number): boolean {
  if (depth === 0) return false
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !isWithin(inner, depth - 1)) return false
  }
  return true
}

function placeChecks(
  field: string,
  { machine, service, slot }: { machine: MachineRef | undefined; service: string; slot: string },
  checks: Check[],
): void {
  machineChecks(`${field}.machine`, machine, checks)
  checks.push(idViolation(`${field}.service`, service))
  if (slot !== '') checks.push(idViolation(`${field}.slot`, slot))
}

export function machineChecks(field: string, machine: MachineRef | undefined, checks: Check[]): void {
  if (machine === undefined) {
    checks.push({ field, description: 'is required' })
    return
  }
  if (machine.id !== '') checks.push(idViolation(`${field}.id`, machine.id))
  else if (!machine.aliases.some(isStrong)) {
    checks.push({
      field: `${field}.id`,
      description: 'is required unless a strong alias, such as the machine id, is given',
    })
  }
  if (machine.aliases.length > MAX_ALIASES) {
    checks.push({
      field: `${field}.aliases`,
      description: `must hold at most ${MAX_ALIASES}; got ${machine.aliases.length}`,
    })
    return
  }
  for (const [i, alias] of machine.aliases.entries()) {
    if (!ALIAS_KINDS.has(alias.kind)) {
      checks.push({ field: `${field}.aliases[${i}].kind`, description: 'is not a known kind of alias' })
    }
    checks.push(textViolation(`${field}.aliases[${i}].value`, alias.value, { minBytes: 1, maxBytes: 256 }))
  }
}

const DAY_SECONDS = 86_400n

function intervalViolation(field: string, interval: Duration | undefined): FieldViolation | undefined {
  if (interval === undefined) return undefined
  const { seconds, nanos } = interval
  const within = seconds >= 1n && (seconds < DAY_SECONDS || (seconds === DAY_SECONDS && nanos === 0))
  return within && nanos >= 0 ? undefined : { field, description: 'must be 1 s to 1 day' }
}

function processChecks(field: string, process: Process | undefined, checks: Check[]): void {
  if (process === undefined) return
  checks.push(timeViolation(`${field}.creation_time`, process.creationTime))
  const bytes = process.commandArgs.reduce((sum, arg) => sum + Buffer.byteLength(arg), 0)
  if (bytes > 4096)
    checks.push({
      field: `${field}.command_args`,
      description: `must be at most 4096 bytes in all; got ${bytes}`,
    })
}
