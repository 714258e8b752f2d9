import { defineEntity, p } from '@mikro-orm/core'

/** A resource; `body` is the whole of it as protobuf, the other columns are what filters and orders need. */
const named = {
  id: p.bigint().primary(),
  name: p.text().unique(),
  revision: p.bigint(),
  create_revision: p.bigint(),
}
const stamped = { created_at: p.datetime(), updated_at: p.datetime() }
const resource = { ...named, body: p.blob() }
const labels = p.json<Record<string, string>>()

export const MachineEntity = defineEntity({
  name: 'Machine',
  tableName: 'machine',
  properties: {
    ...resource,
    ...stamped,
    observed_at: p.datetime(),
    lifecycle: p.smallint(),
    labels,
    arch: p.text(),
    os_type: p.text(),
    cpu_logical_count: p.integer(),
    memory_bytes: p.bigint(),
    disk_bytes: p.bigint(),
    report_interval_ms: p.bigint(),
  },
})

export const FacetEntity = defineEntity({
  name: 'Facet',
  tableName: 'facet',
  properties: { ...resource, machine_id: p.bigint(), observed_at: p.datetime() },
})

export const ServiceEntity = defineEntity({
  name: 'Service',
  tableName: 'service',
  properties: { ...resource, ...stamped, kind: p.text(), owner: p.text(), labels },
})

export const InstanceEntity = defineEntity({
  name: 'Instance',
  tableName: 'instance',
  properties: {
    ...resource,
    ...stamped,
    observed_at: p.datetime(),
    machine_id: p.bigint(),
    service_id: p.bigint(),
    machine: p.text(),
    service: p.text(),
    slot: p.text(),
    environment: p.text(),
    state: p.smallint(),
    state_at: p.datetime().nullable(),
    running_version: p.text(),
    deployed_version: p.text(),
    report_interval_ms: p.bigint(),
    labels,
  },
})

export const ConditionEntity = defineEntity({
  name: 'Condition',
  tableName: 'condition',
  properties: { ...resource, ...stamped, satisfied_by: p.text() },
})

export const FindingEntity = defineEntity({
  name: 'Finding',
  tableName: 'finding',
  properties: {
    ...resource,
    ...stamped,
    observed_at: p.datetime(),
    machine_id: p.bigint(),
    machine: p.text(),
    service: p.text(),
    slot: p.text(),
    state: p.smallint(),
    state_at: p.datetime().nullable(),
    decision: p.smallint(),
    rule: p.text(),
    version: p.text(),
    report_interval_ms: p.bigint(),
    present: p.smallint(),
  },
})

export const RuleEntity = defineEntity({
  name: 'Rule',
  tableName: 'rule',
  properties: { ...resource, ...stamped },
})

export const RunEntity = defineEntity({
  name: 'Run',
  tableName: 'run',
  properties: {
    ...resource,
    ...stamped,
    started_at: p.datetime(),
    ended_at: p.datetime().nullable(),
    kind: p.smallint(),
    state: p.smallint(),
    service: p.text(),
    version: p.text(),
    environment: p.text(),
    slot: p.text(),
    author: p.text(),
    title: p.text(),
    parent: p.text(),
    labels,
  },
})

/** Its body is that of its last change: see `currentBody`. */
export const LockEntity = defineEntity({
  name: 'Lock',
  tableName: 'lock',
  properties: {
    ...named,
    ...stamped,
    state: p.smallint(),
    mode: p.smallint(),
    end_cause: p.smallint(),
    scopes: p.text(),
    owner: p.text(),
    principal: p.text(),
    lease: p.text(),
  },
})

export const HoldEntity = defineEntity({
  name: 'Hold',
  tableName: 'hold',
  properties: {
    ...resource,
    ...stamped,
    state: p.smallint(),
    scopes: p.text(),
    author: p.text(),
    until_condition: p.text(),
  },
})
