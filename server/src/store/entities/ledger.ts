import { defineEntity, p } from '@mikro-orm/core'

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
    system_identifier: p.text(),
    timeline: p.integer(),
    writer: p.bigint(),
    grants_from: p.datetime(),
  },
})

export const LedgerCommitEntity = defineEntity({
  name: 'LedgerCommit',
  tableName: 'ledger_commit',
  properties: { revision: p.bigint().primary(), committed_at: p.datetime() },
})

export const ChangeEntity = defineEntity({
  name: 'Change',
  tableName: 'change',
  properties: {
    revision: p.bigint().primary(),
    ordinal: p.integer().primary(),
    kind: p.smallint(),
    resource_id: p.bigint(),
    committed_at: p.datetime(),
    body: p.blob(),
  },
})

export const SourceEntity = defineEntity({
  name: 'Source',
  tableName: 'source',
  properties: {
    id: p.bigint().primary(),
    name: p.text().unique(),
    created_at: p.datetime(),
    last_contact_at: p.datetime(),
  },
})

export const SourceEpochEntity = defineEntity({
  name: 'SourceEpoch',
  tableName: 'source_epoch',
  properties: {
    source_id: p.bigint().primary(),
    epoch: p.bigint().primary(),
    high_water: p.bigint(),
    gaps: p.string().columnType('int8multirange'),
  },
})

export const EventTargetEntity = defineEntity({
  name: 'EventTarget',
  tableName: 'event_target',
  properties: {
    machine_id: p.bigint().primary(),
    occurred_at: p.datetime().primary(),
    source_id: p.bigint().primary(),
    event_id: p.uuid().primary(),
  },
})

export const MachineAliasEntity = defineEntity({
  name: 'MachineAlias',
  tableName: 'machine_alias',
  properties: {
    kind: p.smallint().primary(),
    value: p.text().primary(),
    machine_id: p.bigint().primary(),
  },
})

export const MachineLabelEntity = defineEntity({
  name: 'MachineLabel',
  tableName: 'machine_label',
  properties: { machine_id: p.bigint().primary(), key: p.text().primary(), told_at: p.datetime() },
})

export const ProcessScanEntity = defineEntity({
  name: 'ProcessScan',
  tableName: 'process_scan',
  properties: { machine_id: p.bigint().primary(), observed_at: p.datetime(), body: p.blob() },
})
