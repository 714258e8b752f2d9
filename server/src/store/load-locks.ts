import { Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { Instant } from '../domain/instant.ts'
import { ResourceKind } from '../domain/kind.ts'
import type { LeaseRow } from '../domain/locks/lease.ts'
import type { WorkingSet } from '../domain/working-set.ts'
import { uuidArray } from './binary-array.ts'
import { currentBody, currentRow, LoadedKind, type LoadedRow, select } from './loaded-row.ts'
import { allRead, type Part } from './one-statement.ts'
import { micros } from './pg-types.ts'
import type { Statement } from './pipeline.ts'
import type { RowCache } from './row-cache.ts'

/** What marks a row as one of `lockChanges`. */
export const FOLLOWED = 'followed'

/** The locks and holds that have changed after a revision. */
export const lockChanges = (revision: bigint): Part[] =>
  (['lock', 'hold'] as const).map((kind) => ({
    name: `follow-${kind}`,
    text: `${select(ResourceKind[kind], {
      id: 't.id',
      revision: 't.revision',
      create_revision: 't.create_revision',
      body: currentBody(kind, 't'),
      detail: `'${FOLLOWED}'`,
    })} from ${kind} t where t.id in (
      select c.resource_id from change c where c.kind = ${ResourceKind[kind]} and c.kind in (6, 7) and c.revision > $1::int8)`,
    values: [revision],
  }))

/**
 * Everything that a table of locks begins with: what is held, waits or stands, what ended and is in the way for a while,
 * and what ended or was lifted lately, so that a request that is made again is known.
 */
export function loadLocks(): Statement {
  const all = (kind: 'lock' | 'hold', where: string): Part => ({
    name: `all-${kind}s`,
    text: `${select(ResourceKind[kind], {
      id: 't.id',
      revision: 't.revision',
      create_revision: 't.create_revision',
      body: currentBody(kind, 't'),
      detail: `'${FOLLOWED}'`,
    })} from ${kind} t where ${where}`,
    values: [],
  })
  const lately = `select c.resource_id from (
    select * from change where kind in (6, 7) order by revision desc limit 5000) c
    where c.committed_at > clock_timestamp() - interval '2 minutes'`
  const delays = 'select lock_id from lock_delay where until > clock_timestamp()'
  return allRead([
    all('lock', `t.id in (select id from live_lock_id union ${delays} union ${lately})`),
    all('hold', `t.id in (select id from hold where state < 2 union ${lately})`),
  ])
}

/**
 * `expires_at` is by the clock of the database, and the ledger's time never goes back: when the clock was set back, what a
 * lease has left is counted from the time at which the ledger stands still.
 */
const EXPIRES_AT = `l.expires_at
  + greatest((select last_time from ledger where id = 1) - clock_timestamp(), interval '0')`

const LEASE_COLUMNS = {
  revision: micros(EXPIRES_AT),
  create_revision: 'l.ttl_ms::int8',
  body: 'l.secret_hash',
  id: 'case when l.ended_at is null then 1 else 0 end::int8',
  name: 'l.id::text',
  detail: `l.owner || E'\\n' || l.principal`,
}

/** Leases as they stand. */
export const leases = (ids: string[]): Part => ({
  name: 'lease',
  text: `${select(LoadedKind.lease, LEASE_COLUMNS)} from lease l where l.id = any($1::uuid[])`,
  values: [uuidArray(ids)],
})

/** Locked, so that a beat that is under way either comes before this batch or finds the lease ended. */
export const endingLeases = (ids: string[]): Part => ({
  name: 'ending-lease',
  text: `${select(LoadedKind.lease, LEASE_COLUMNS)} from (
    select * from lease where id = any($1::uuid[]) order by id for update) l`,
  values: [uuidArray(ids)],
})

/** The lease in a row of the load. */
export function leaseOf({ id, name, revision, create_revision, body, detail }: LoadedRow): LeaseRow {
  const [owner, principal] = detail.split('\n') as [string, string]
  return {
    id: name,
    secretHash: body.toString('hex'),
    ttlMs: Number(create_revision),
    expiresAt: revision as Instant,
    alive: id === 1n,
    owner,
    principal,
  }
}

/**
 * Takes a followed lock or hold into the table of locks. What another server freed, or what waits when a table begins,
 * is looked at again: the server that should have granted it may be gone.
 */
export function follow(state: WorkingSet, row: LoadedRow, cache: RowCache): void {
  if (row.kind !== ResourceKind.lock) {
    state.locks.set(currentRow('hold', row, cache))
    return
  }
  const lock = currentRow('lock', row, cache)
  state.locks.set(lock)
  if (lock.resource.state !== Lock_State.HELD) state.locks.leaveUnsettled(lock.resource.scopes)
}
