import { defineEntity, p } from '@mikro-orm/core'

/**
 * The tables as MikroORM knows them: what its Kysely types, its migrations and cold reads go by. The ledger's
 * own statements (load-batch, save-batch) are SQL, set-wise, one file each; `event` is partitioned, and is
 * read and written by statement only.
 */
const resource = {
  id: p.bigint().primary(),
  name: p.string().unique(),
  revision: p.bigint(),
  create_revision: p.bigint(),
  body: p.blob(),
}
const stamped = { created_at: p.datetime(), updated_at: p.datetime() }

export const LedgerEntity = defineEntity({
  name: 'Ledger',
  tableName: 'ledger',
  properties: {
    id: p.smallint().primary(),
    epoch: p.bigint(),
    head: p.bigint(),
    compacted: p.bigint(),
    next_id: p.bigint(),
    last_time: p.datetime(),
    system_identifier: p.string(),
    timeline: p.integer(),
    writer: p.bigint(),
    grants_from: p.datetime(),
  },
})

export const MachineEntity = defineEntity({
  name: 'Machine',
  tableName: 'machine',
  properties: {
    ...resource,
    ...stamped,
    observed_at: p.datetime(),
    lifecycle: p.smallint(),
    labels: p.json<Record<string, string>>(),
    arch: p.string(),
    os_type: p.string(),
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
  properties: {
    ...resource,
    ...stamped,
    kind: p.string(),
    owner: p.string(),
    labels: p.json<Record<string, string>>(),
  },
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
    machine: p.string(),
    service: p.string(),
    slot: p.string(),
    environment: p.string(),
    state: p.smallint(),
    state_at: p.datetime().nullable(),
    running_version: p.string(),
    deployed_version: p.string(),
    report_interval_ms: p.bigint(),
    labels: p.json<Record<string, string>>(),
  },
})

export const ConditionEntity = defineEntity({
  name: 'Condition',
  tableName: 'condition',
  properties: { ...resource, ...stamped },
})

export const FindingEntity = defineEntity({
  name: 'Finding',
  tableName: 'finding',
  properties: {
    ...resource,
    ...stamped,
    observed_at: p.datetime(),
    machine_id: p.bigint(),
    machine: p.string(),
    service: p.string(),
    slot: p.string(),
    state: p.smallint(),
    state_at: p.datetime().nullable(),
    decision: p.smallint(),
    rule: p.string(),
    version: p.string(),
    report_interval_ms: p.bigint(),
    present: p.smallint(),
  },
})

export const RuleEntity = defineEntity({
  name: 'Rule',
  tableName: 'rule',
  properties: { ...resource, ...stamped },
})

export const SourceEntity = defineEntity({
  name: 'Source',
  tableName: 'source',
  properties: {
    id: p.bigint().primary(),
    name: p.string().unique(),
    created_at: p.datetime(),
    last_contact_at: p.datetime(),
  },
})

export const entities = [
  LedgerEntity,
  MachineEntity,
  FacetEntity,
  ServiceEntity,
  InstanceEntity,
  ConditionEntity,
  FindingEntity,
  RuleEntity,
  SourceEntity,
]
