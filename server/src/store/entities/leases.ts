import { defineEntity, p } from '@mikro-orm/core'

export const LeaseEntity = defineEntity({
  name: 'Lease',
  tableName: 'lease',
  properties: {
    id: p.uuid().primary(),
    secret_hash: p.blob(),
    ttl_ms: p.integer(),
    expires_at: p.datetime(),
    ended_at: p.datetime().nullable(),
    created_at: p.datetime(),
    owner: p.text(),
    principal: p.text(),
    epoch_over: p.boolean(),
  },
})

export const LeaseClockEntity = defineEntity({
  name: 'LeaseClock',
  tableName: 'lease_clock',
  properties: { id: p.smallint().primary(), served_at: p.datetime() },
})

export const LiveLockEntity = defineEntity({
  name: 'LiveLock',
  tableName: 'live_lock',
  properties: { bucket: p.bigint().primary(), members: p.bigint() },
})

export const LockDelayEntity = defineEntity({
  name: 'LockDelay',
  tableName: 'lock_delay',
  properties: { lock_id: p.bigint().primary(), until: p.datetime() },
})
