import { defineEntity, p } from '@mikro-orm/core'

export const RunTargetEntity = defineEntity({
  name: 'RunTarget',
  tableName: 'run_target',
  properties: {
    run_id: p.bigint().primary(),
    machine: p.text().primary(),
    outcome: p.smallint(),
    message: p.text(),
    reported_at: p.datetime(),
    started_at: p.datetime(),
  },
})

export const RunLogEntity = defineEntity({
  name: 'RunLog',
  tableName: 'run_log',
  properties: { run_id: p.bigint().primary(), size: p.bigint() },
})

export const RunLogChunkEntity = defineEntity({
  name: 'RunLogChunk',
  tableName: 'run_log_chunk',
  properties: {
    run_id: p.bigint().primary(),
    first_byte: p.bigint().primary(),
    bytes: p.integer(),
    body: p.blob(),
  },
})

export const RunLogTextEntity = defineEntity({
  name: 'RunLogText',
  tableName: 'run_log_text',
  properties: {
    run_id: p.bigint().primary(),
    first_byte: p.bigint().primary(),
    part: p.integer().primary(),
    bytes: p.integer(),
    tokens: p.text(),
    words: p.string().columnType('tsvector'),
  },
})

export const RunLogUnindexedEntity = defineEntity({
  name: 'RunLogUnindexed',
  tableName: 'run_log_unindexed',
  properties: {
    id: p.bigint().primary(),
    run_id: p.bigint(),
    first_byte: p.bigint(),
    bytes: p.integer(),
  },
})
