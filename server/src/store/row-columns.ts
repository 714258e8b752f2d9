import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import type { Scope } from '../../../proto/gen/holdfast/v1/scope.ts'
import { type Instant, instantFromTimestamp } from '../domain/instant.ts'
import type { KindName, LabelledKind } from '../domain/kind.ts'
import { intervalMs } from '../domain/report-interval.ts'
import type { Row } from '../domain/rows.ts'
import type { WorkingSet } from '../domain/working-set.ts'
import { byteaArray, int2Array, int4Array, int8Array, textArray, timestamptzArray } from './binary-array.ts'

/** A column of a kind's table. */
export interface Column<K extends KindName> {
  type: 'int2' | 'int4' | 'int8' | 'text' | 'bytea' | 'timestamptz' | 'jsonb'
  /** What stands in it for these rows, as a parameter of its type's array; jsonb as text. */
  values: (rows: readonly Row<K>[], state: WorkingSet) => Buffer
  /** Whether it is as it was made for ever. */
  fixed?: true
}

type Columns<K extends KindName> = Record<string, Column<K>>

type Value<K extends KindName, T> = (resource: Row<K>['resource'], row: Row<K>, state: WorkingSet) => T

/** Makes columns of a type from what reads one row. */
const columnOf =
  <T>(type: Column<KindName>['type'], arrayOf: (values: T[]) => Buffer) =>
  <K extends KindName>(value: Value<K, T>): Column<K> => ({
    type,
    values: (rows, state) => arrayOf(rows.map((row) => value(row.resource, row, state))),
  })

const int2 = columnOf<number>('int2', int2Array)
const int4 = columnOf<number>('int4', int4Array)
const int8 = columnOf<bigint>('int8', int8Array)
const text = columnOf<string>('text', textArray)
const bytea = columnOf<Buffer>('bytea', byteaArray)
const jsonb = columnOf<string>('jsonb', textArray)
const instant = columnOf<Instant | null>('timestamptz', timestamptzArray)
const time = <K extends KindName>(value: Value<K, Timestamp | undefined>): Column<K> =>
  instant<K>((resource, row, state) => {
    const timestamp = value(resource, row, state)
    return timestamp === undefined ? null : instantFromTimestamp(timestamp)
  })

const fixed = <K extends KindName>(column: Column<K>): Column<K> => ({ ...column, fixed: true })

const identity: Columns<KindName> = {
  id: fixed(int8((_, { id }) => id)),
  name: fixed(text(({ name }) => name)),
  revision: int8((_, { revision }) => revision),
  create_revision: fixed(int8((_, { createRevision }) => createRevision)),
}

const base: Columns<KindName> = {
  ...identity,
  body: bytea((_, { body }) => body),
}

const times: Columns<Exclude<KindName, 'facet'>> = {
  created_at: fixed(time(({ createTime }) => createTime)),
  updated_at: time(({ updateTime }) => updateTime),
}

const observed: Columns<KindName> = { observed_at: instant((_, { observedAt }) => observedAt) }

const reportInterval: Columns<'machine' | 'instance' | 'finding'> = {
  report_interval_ms: int8((resource) => BigInt(intervalMs(resource.reportInterval))),
}

const labels: Columns<LabelledKind> = { labels: jsonb((resource) => JSON.stringify(resource.labels)) }

/** A facet, an instance or a finding is only ever changed with its machine at hand. */
const machineId: Columns<'facet' | 'instance' | 'finding'> = {
  machine_id: fixed(int8(({ machine }, _, state) => state.find('machine', machine)!.id)),
}

/** A scope with all its parts, so that they can be told apart in SQL. */
const fullScope = ({ environment, service, machine, name }: Scope): string =>
  name === '' ? `${environment}/${service}/${machine}` : `name:${name}`

const idIn = (collection: string, name: string): string => name.slice(collection.length)

/** The columns of each kind's table. */
export const COLUMNS: { readonly [K in KindName]: Columns<K> } = {
  machine: {
    ...base,
    ...times,
    ...observed,
    ...labels,
    ...reportInterval,
    lifecycle: int2(({ lifecycle }) => lifecycle),
    arch: text(({ hardware }) => hardware?.arch ?? ''),
    os_type: text(({ hardware }) => hardware?.osType ?? ''),
    cpu_logical_count: int4(({ hardware }) => hardware?.cpuLogicalCount ?? 0),
    memory_bytes: int8(({ hardware }) => hardware?.memoryBytes ?? 0n),
    disk_bytes: int8(({ hardware }) => hardware?.diskBytes ?? 0n),
  },
  facet: { ...base, ...observed, ...machineId },
  service: {
    ...base,
    ...times,
    ...labels,
    kind: text(({ kind }) => kind),
    owner: text(({ owner }) => owner),
  },
  instance: {
    ...base,
    ...times,
    ...observed,
    ...labels,
    ...machineId,
    ...reportInterval,
    service_id: fixed(int8(({ service }, _, state) => state.find('service', service)!.id)),
    machine: fixed(text(({ machine }) => idIn('machines/', machine))),
    service: fixed(text(({ service }) => idIn('services/', service))),
    slot: fixed(text(({ slot }) => slot)),
    environment: text(({ environment }) => environment),
    state: int2(({ state }) => state),
    state_at: time(({ stateTime }) => stateTime),
    running_version: text(({ runningVersion }) => runningVersion),
    deployed_version: text(({ deployedVersion }) => deployedVersion),
  },
  finding: {
    ...base,
    ...times,
    ...observed,
    ...machineId,
    ...reportInterval,
    machine: fixed(text(({ machine }) => idIn('machines/', machine))),
    service: fixed(text(({ service }) => service)),
    slot: fixed(text(({ slot }) => slot)),
    state: int2(({ state }) => state),
    state_at: time(({ stateTime }) => stateTime),
    decision: int2(({ decision }) => decision),
    rule: text(({ rule }) => rule),
    version: text(({ version }) => version),
    present: int2(({ present }) => (present ? 1 : 2)),
  },
  run: {
    ...base,
    ...times,
    ...labels,
    started_at: time(({ startTime }) => startTime),
    ended_at: time(({ endTime }) => endTime),
    kind: int2(({ kind }) => kind),
    state: int2(({ state }) => state),
    service: fixed(text(({ service }) => idIn('services/', service))),
    slot: fixed(text(({ slot }) => slot)),
    version: text(({ version }) => version),
    environment: text(({ environment }) => environment),
    author: text(({ author }) => author),
    title: text(({ title }) => title),
    parent: text(({ parent }) => idIn('runs/', parent)),
  },
  rule: { ...base, ...times },
  condition: { ...base, ...times, satisfied_by: text(({ satisfiedBy }) => satisfiedBy) },
  // Its body is its last after-image: see `currentBody`.
  lock: {
    ...identity,
    ...times,
    state: int2(({ state }) => state),
    mode: fixed(int2(({ mode }) => mode)),
    end_cause: int2(({ endCause }) => endCause),
    scopes: fixed(text(({ scopes }) => scopes.map(fullScope).join('\n'))),
    owner: fixed(text(({ owner }) => owner)),
    principal: fixed(text(({ principal }) => principal)),
    lease: fixed(text(({ lease }) => lease)),
  },
  hold: {
    ...base,
    ...times,
    state: int2(({ state }) => state),
    scopes: fixed(text(({ scope }) => fullScope(scope!))),
    author: fixed(text(({ author }) => author)),
    until_condition: text(({ untilCondition }) => untilCondition),
  },
}
