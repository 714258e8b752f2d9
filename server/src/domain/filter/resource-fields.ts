import { type Finding, Finding_Decision, Finding_State } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { type Hold, Hold_State } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { type Lock, Lock_EndCause, Lock_Mode, Lock_State } from '../../../../proto/gen/holdfast/v1/lock.ts'
import { Freshness, type Machine, Machine_Lifecycle } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { type Run, Run_Kind, Run_State } from '../../../../proto/gen/holdfast/v1/run.ts'
import {
  type Condition,
  type Instance,
  Instance_State,
  type Service,
} from '../../../../proto/gen/holdfast/v1/service.ts'
import { filterFields } from './field.ts'

/** An enum's names without those that are never sent. */
export function sentValues(values: Readonly<Record<string, number | string>>): Record<string, number> {
  const sent = Object.entries(values).filter((entry): entry is [string, number] => Number(entry[1]) > 0)
  return Object.fromEntries(sent)
}

const RUN_KINDS = sentValues(Run_Kind)
const RUN_STATES = sentValues(Run_State)
const LIFECYCLES = sentValues(Machine_Lifecycle)
const FRESHNESSES = sentValues(Freshness)
const STATES = sentValues(Instance_State)

/** The last part of `machines/{id}` and the like. */
const idIn =
  (collection: string) =>
  (name: string): string =>
    name.startsWith(collection) ? name.slice(collection.length) : name

export const machineId = idIn('machines/')
export const serviceId = idIn('services/')
const instanceId = idIn('instances/')
const findingId = idIn('findings/')
const runId = idIn('runs/')

/** What filters of ListMachines may name. */
export const MACHINE_FIELDS = filterFields<Machine>(
  { name: 'name', type: 'id', collection: 'machines/', get: (m) => machineId(m.name) },
  { name: 'lifecycle', type: 'enum', values: LIFECYCLES, get: (m) => m.lifecycle },
  { name: 'arch', type: 'text', get: (m) => m.hardware?.arch ?? '' },
  { name: 'os_type', type: 'text', get: (m) => m.hardware?.osType ?? '' },
  { name: 'cpu_logical_count', type: 'whole', get: (m) => m.hardware?.cpuLogicalCount ?? 0 },
  { name: 'memory_bytes', type: 'whole', get: (m) => m.hardware?.memoryBytes ?? 0 },
  { name: 'disk_bytes', type: 'whole', get: (m) => m.hardware?.diskBytes ?? 0 },
  { name: 'create_time', type: 'time', get: (m) => m.createTime },
  { name: 'update_time', type: 'time', get: (m) => m.updateTime },
  { name: 'labels', type: 'map', get: (m) => m.labels },
  { name: 'alias', type: 'list', get: (m) => m.aliases.map(({ value }) => value) },
  { name: 'freshness', type: 'enum', values: FRESHNESSES, get: (m) => m.freshness },
)

/** What filters of ListServices may name. */
export const SERVICE_FIELDS = filterFields<Service>(
  { name: 'name', type: 'id', collection: 'services/', get: (s) => serviceId(s.name) },
  { name: 'kind', type: 'text', get: (s) => s.kind },
  { name: 'owner', type: 'text', get: (s) => s.owner },
  { name: 'create_time', type: 'time', get: (s) => s.createTime },
  { name: 'update_time', type: 'time', get: (s) => s.updateTime },
  { name: 'labels', type: 'map', get: (s) => s.labels },
)

/** What filters of ListInstances and ListVersions may name. */
export const INSTANCE_FIELDS = filterFields<Instance>(
  { name: 'name', type: 'id', collection: 'instances/', get: (i) => instanceId(i.name) },
  { name: 'machine', type: 'id', collection: 'machines/', get: (i) => machineId(i.machine) },
  { name: 'service', type: 'id', collection: 'services/', get: (i) => serviceId(i.service) },
  { name: 'slot', type: 'text', get: (i) => i.slot },
  { name: 'environment', type: 'text', get: (i) => i.environment },
  { name: 'state', type: 'enum', values: STATES, get: (i) => i.state },
  { name: 'running_version', type: 'text', get: (i) => i.runningVersion },
  { name: 'deployed_version', type: 'text', get: (i) => i.deployedVersion },
  { name: 'create_time', type: 'time', get: (i) => i.createTime },
  { name: 'update_time', type: 'time', get: (i) => i.updateTime },
  { name: 'state_time', type: 'time', get: (i) => i.stateTime },
  { name: 'labels', type: 'map', get: (i) => i.labels },
  { name: 'freshness', type: 'enum', values: FRESHNESSES, get: (i) => i.freshness },
)

/** What filters of ListFindings may name. */
export const FINDING_FIELDS = filterFields<Finding>(
  { name: 'name', type: 'id', collection: 'findings/', get: (f) => findingId(f.name) },
  { name: 'machine', type: 'id', collection: 'machines/', get: (f) => machineId(f.machine) },
  { name: 'service', type: 'id', collection: 'services/', get: (f) => f.service },
  { name: 'slot', type: 'text', get: (f) => f.slot },
  { name: 'state', type: 'enum', values: sentValues(Finding_State), get: (f) => f.state },
  { name: 'decision', type: 'enum', values: sentValues(Finding_Decision), get: (f) => f.decision },
  { name: 'rule', type: 'text', get: (f) => f.rule },
  { name: 'version', type: 'text', get: (f) => f.version },
  { name: 'present', type: 'enum', values: { TRUE: 1, FALSE: 2 }, get: (f) => (f.present ? 1 : 2) },
  { name: 'create_time', type: 'time', get: (f) => f.createTime },
  { name: 'update_time', type: 'time', get: (f) => f.updateTime },
  { name: 'state_time', type: 'time', get: (f) => f.stateTime },
  { name: 'freshness', type: 'enum', values: FRESHNESSES, get: (f) => f.freshness },
)

/** What filters of ListRuns may name, beside `machine`. */
export const RUN_FIELDS = filterFields<Run>(
  { name: 'name', type: 'id', collection: 'runs/', get: (r) => runId(r.name) },
  { name: 'kind', type: 'enum', values: RUN_KINDS, get: (r) => r.kind },
  { name: 'state', type: 'enum', values: RUN_STATES, get: (r) => r.state },
  { name: 'service', type: 'id', collection: 'services/', get: (r) => serviceId(r.service) },
  { name: 'version', type: 'text', get: (r) => r.version },
  { name: 'environment', type: 'text', get: (r) => r.environment },
  { name: 'author', type: 'text', get: (r) => r.author },
  { name: 'title', type: 'text', get: (r) => r.title },
  { name: 'parent', type: 'id', collection: 'runs/', get: (r) => runId(r.parent) },
  { name: 'start_time', type: 'time', get: (r) => r.startTime },
  { name: 'end_time', type: 'time', get: (r) => r.endTime },
  { name: 'labels', type: 'map', get: (r) => r.labels },
)

/** Those of them that never change. The environment of a converge is known for certain at its end only. */
export const RUN_IDENTITY_FIELDS: ReadonlySet<string> = new Set(
  [...RUN_FIELDS.keys()].filter((name) => !['state', 'end_time', 'environment'].includes(name)),
)

/** Fields whose value is of the moment of the read, and so unknown of the past and of no order. */
export const MOMENTARY_FIELDS: ReadonlySet<string> = new Set(['freshness'])

/** What filters of ListLocks may name. */
export const LOCK_FIELDS = filterFields<Lock>(
  { name: 'name', type: 'id', collection: 'locks/', get: (l) => idIn('locks/')(l.name) },
  { name: 'state', type: 'enum', values: sentValues(Lock_State), get: (l) => l.state },
  { name: 'mode', type: 'enum', values: sentValues(Lock_Mode), get: (l) => l.mode },
  { name: 'owner', type: 'text', get: (l) => l.owner },
  { name: 'principal', type: 'text', get: (l) => l.principal },
  { name: 'lease', type: 'text', get: (l) => l.lease },
  { name: 'end_cause', type: 'enum', values: sentValues(Lock_EndCause), get: (l) => l.endCause },
  { name: 'create_time', type: 'time', get: (l) => l.createTime },
  { name: 'update_time', type: 'time', get: (l) => l.updateTime },
)

/** What filters of ListHolds may name. */
export const HOLD_FIELDS = filterFields<Hold>(
  { name: 'name', type: 'id', collection: 'holds/', get: (h) => idIn('holds/')(h.name) },
  { name: 'state', type: 'enum', values: sentValues(Hold_State), get: (h) => h.state },
  { name: 'author', type: 'text', get: (h) => h.author },
  { name: 'until_condition', type: 'text', get: (h) => h.untilCondition },
  { name: 'create_time', type: 'time', get: (h) => h.createTime },
  { name: 'update_time', type: 'time', get: (h) => h.updateTime },
)

/** What filters of ListConditions may name. */
export const CONDITION_FIELDS = filterFields<Condition>(
  { name: 'name', type: 'id', collection: 'conditions/', get: (c) => idIn('conditions/')(c.name) },
  { name: 'satisfied_by', type: 'text', get: (c) => c.satisfiedBy },
  { name: 'create_time', type: 'time', get: (c) => c.createTime },
  { name: 'update_time', type: 'time', get: (c) => c.updateTime },
)

/** Fields that never change while a resource lives: what a read of the past may ask of rows as they are now. */
export const IDENTITY_FIELDS: ReadonlySet<string> = new Set([
  'name',
  'machine',
  'service',
  'slot',
  'create_time',
])
