import type { Scope } from '../../../proto/gen/holdfast/v1/scope.ts'
import { instantFromTimestamp } from '../domain/instant.ts'
import type { KindName, LabelledKind } from '../domain/kind.ts'
import { intervalMs } from '../domain/report-interval.ts'
import type { Row, WorkingSet } from '../domain/working-set.ts'
import { byteaArray, int2Array, int4Array, int8Array, textArray, timestamptzArray } from './binary-array.ts'
import type { Part } from './one-statement.ts'

/** Inserts or updates the current rows of one kind. */
export function saveResources(kind: KindName, rows: Row<KindName>[], state: WorkingSet): Part {
  return upsert[kind](rows as never, state)
}

/** Columns that every kind has. */
const base = (rows: readonly Row<KindName>[]) => ({
  id: ['int8', int8Array(rows.map(({ id }) => id))],
  name: ['text', textArray(rows.map(({ resource }) => resource.name))],
  revision: ['int8', int8Array(rows.map(({ revision }) => revision))],
  create_revision: ['int8', int8Array(rows.map(({ createRevision }) => createRevision))],
  body: ['bytea', byteaArray(rows.map(({ body }) => body))],
})

const times = (rows: readonly Row<Exclude<KindName, 'facet'>>[]) => ({
  created_at: [
    'timestamptz',
    timestamptzArray(rows.map(({ resource }) => instantFromTimestamp(resource.createTime!))),
  ],
  updated_at: [
    'timestamptz',
    timestamptzArray(rows.map(({ resource }) => instantFromTimestamp(resource.updateTime!))),
  ],
})

const observedAt = (rows: readonly Row<KindName>[]) => ({
  observed_at: ['timestamptz', timestamptzArray(rows.map((row) => row.observedAt))],
})

const reportInterval = (rows: readonly Row<'machine' | 'instance' | 'finding'>[]) => ({
  report_interval_ms: [
    'int8',
    int8Array(rows.map(({ resource }) => BigInt(intervalMs(resource.reportInterval)))),
  ],
})

const labels = (rows: readonly Row<LabelledKind>[]) => ({
  labels: ['jsonb', textArray(rows.map(({ resource }) => JSON.stringify(resource.labels)))],
})

/** A scope with all its parts, so that they can be told apart in SQL. */
const fullScope = ({ environment, service, machine, name }: Scope): string =>
  name === '' ? `${environment}/${service}/${machine}` : `name:${name}`

const text = <R extends Row<KindName>>(rows: readonly R[], value: (row: R['resource']) => string) => [
  'text',
  textArray(rows.map((row) => value(row.resource))),
]

/** What of a row never changes, and is left out of the update. */
const FIXED = new Set([
  'id',
  'name',
  'create_revision',
  'created_at',
  'machine_id',
  'service_id',
  'machine',
  'service',
  'slot',
])

function upsertRows(table: KindName, columns: Record<string, unknown[]>): Part {
  const names = Object.keys(columns)
  const typed = names.map(
    (name, i) => `$${i + 1}::${columns[name]![0] === 'jsonb' ? 'text' : columns[name]![0]}[]`,
  )
  const selected = names.map((name, i) => (columns[name]![0] === 'jsonb' ? `c${i}::jsonb` : `c${i}`))
  const set = names.filter((name) => !FIXED.has(name)).map((name) => `${name} = excluded.${name}`)
  return {
    name: `save-${table}`,
    text: `insert into ${table} (${names.join(', ')}) select ${selected.join(', ')}
      from unnest(${typed.join(', ')}) u(${names.map((_, i) => `c${i}`).join(', ')})
      on conflict (id) do update set ${set.join(', ')}`,
    values: names.map((name) => columns[name]![1]),
  }
}

/** A facet or instance is only ever changed with its machine at hand. */
const machineId = (state: WorkingSet, { resource }: Row<'facet' | 'instance' | 'finding'>): bigint =>
  state.find('machine', resource.machine)!.id

const serviceId = (state: WorkingSet, { resource }: Row<'instance'>): bigint =>
  state.find('service', resource.service)!.id

const upsert = {
  machine: (rows: Row<'machine'>[]) =>
    upsertRows('machine', {
      ...base(rows),
      ...times(rows),
      ...observedAt(rows),
      ...labels(rows),
      ...reportInterval(rows),
      lifecycle: ['int2', int2Array(rows.map(({ resource }) => resource.lifecycle))],
      arch: text(rows, (machine) => machine.hardware?.arch ?? ''),
      os_type: text(rows, (machine) => machine.hardware?.osType ?? ''),
      cpu_logical_count: [
        'int4',
        int4Array(rows.map(({ resource }) => resource.hardware?.cpuLogicalCount ?? 0)),
      ],
      memory_bytes: ['int8', int8Array(rows.map(({ resource }) => resource.hardware?.memoryBytes ?? 0n))],
      disk_bytes: ['int8', int8Array(rows.map(({ resource }) => resource.hardware?.diskBytes ?? 0n))],
    }),
  facet: (rows: Row<'facet'>[], state: WorkingSet) =>
    upsertRows('facet', {
      ...base(rows),
      ...observedAt(rows),
      machine_id: ['int8', int8Array(rows.map((row) => machineId(state, row)))],
    }),
  service: (rows: Row<'service'>[]) =>
    upsertRows('service', {
      ...base(rows),
      ...times(rows),
      ...labels(rows),
      kind: text(rows, (service) => service.kind),
      owner: text(rows, (service) => service.owner),
    }),
  instance: (rows: Row<'instance'>[], state: WorkingSet) =>
    upsertRows('instance', {
      ...base(rows),
      ...times(rows),
      ...observedAt(rows),
      ...labels(rows),
      machine_id: ['int8', int8Array(rows.map((row) => machineId(state, row)))],
      service_id: ['int8', int8Array(rows.map((row) => serviceId(state, row)))],
      machine: text(rows, (instance) => instance.machine.slice('machines/'.length)),
      service: text(rows, (instance) => instance.service.slice('services/'.length)),
      ...reportInterval(rows),
      slot: text(rows, (instance) => instance.slot),
      environment: text(rows, (instance) => instance.environment),
      state: ['int2', int2Array(rows.map(({ resource }) => resource.state))],
      state_at: [
        'timestamptz',
        timestamptzArray(
          rows.map(({ resource }) => (resource.stateTime ? instantFromTimestamp(resource.stateTime) : null)),
        ),
      ],
      running_version: text(rows, (instance) => instance.runningVersion),
      deployed_version: text(rows, (instance) => instance.deployedVersion),
    }),
  finding: (rows: Row<'finding'>[], state: WorkingSet) =>
    upsertRows('finding', {
      ...base(rows),
      ...times(rows),
      ...observedAt(rows),
      machine_id: ['int8', int8Array(rows.map((row) => machineId(state, row)))],
      machine: text(rows, (finding) => finding.machine.slice('machines/'.length)),
      service: text(rows, (finding) => finding.service),
      slot: text(rows, (finding) => finding.slot),
      state: ['int2', int2Array(rows.map(({ resource }) => resource.state))],
      state_at: [
        'timestamptz',
        timestamptzArray(
          rows.map(({ resource }) => (resource.stateTime ? instantFromTimestamp(resource.stateTime) : null)),
        ),
      ],
      decision: ['int2', int2Array(rows.map(({ resource }) => resource.decision))],
      rule: text(rows, (finding) => finding.rule),
      version: text(rows, (finding) => finding.version),
      ...reportInterval(rows),
      present: ['int2', int2Array(rows.map(({ resource }) => (resource.present ? 1 : 2)))],
    }),
  run: (rows: Row<'run'>[]) =>
    upsertRows('run', {
      ...base(rows),
      ...times(rows),
      ...labels(rows),
      started_at: [
        'timestamptz',
        timestamptzArray(rows.map(({ resource }) => instantFromTimestamp(resource.startTime!))),
      ],
      ended_at: [
        'timestamptz',
        timestamptzArray(
          rows.map(({ resource }) => (resource.endTime ? instantFromTimestamp(resource.endTime) : null)),
        ),
      ],
      kind: ['int2', int2Array(rows.map(({ resource }) => resource.kind))],
      state: ['int2', int2Array(rows.map(({ resource }) => resource.state))],
      service: text(rows, (run) => run.service.slice('services/'.length)),
      version: text(rows, (run) => run.version),
      environment: text(rows, (run) => run.environment),
      slot: text(rows, (run) => run.slot),
      author: text(rows, (run) => run.author),
      title: text(rows, (run) => run.title),
      parent: text(rows, (run) => run.parent.slice('runs/'.length)),
    }),
  rule: (rows: Row<'rule'>[]) => upsertRows('rule', { ...base(rows), ...times(rows) }),
  condition: (rows: Row<'condition'>[]) =>
    upsertRows('condition', {
      ...base(rows),
      ...times(rows),
      satisfied_by: text(rows, (condition) => condition.satisfiedBy),
    }),
  lock: (rows: Row<'lock'>[]) =>
    upsertRows('lock', {
      ...base(rows),
      ...times(rows),
      state: ['int2', int2Array(rows.map(({ resource }) => resource.state))],
      mode: ['int2', int2Array(rows.map(({ resource }) => resource.mode))],
      end_cause: ['int2', int2Array(rows.map(({ resource }) => resource.endCause))],
      scopes: text(rows, (lock) => lock.scopes.map(fullScope).join('\n')),
      owner: text(rows, (lock) => lock.owner),
      principal: text(rows, (lock) => lock.principal),
      lease: text(rows, (lock) => lock.lease),
    }),
  hold: (rows: Row<'hold'>[]) =>
    upsertRows('hold', {
      ...base(rows),
      ...times(rows),
      state: ['int2', int2Array(rows.map(({ resource }) => resource.state))],
      scopes: text(rows, (hold) => fullScope(hold.scope!)),
      author: text(rows, (hold) => hold.author),
      until_condition: text(rows, (hold) => hold.untilCondition),
    }),
}
