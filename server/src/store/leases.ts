import type { Instant } from '../domain/instant.ts'
import type { LeaseRow } from '../domain/locks/lease.ts'
import { byteaArray, uuidArray } from './binary-array.ts'
import { fromMicros, micros } from './pg-types.ts'
import type { Store } from './store.ts'

/** A lease to open. */
export interface LeaseDraft {
  id: string
  secretHash: Buffer
  ttlMs: number
  owner: string
  principal: string
}

export interface OpenedLease {
  expiresAt: Instant
  createdAt: Instant
  /** False when it was open already. */
  isNew: boolean
  principal: string
  /** The ledger's. */
  epoch: bigint
}

/**
 * Opens a lease, or comes back to it. Undefined when the id is taken by a lease of another secret, or has ended.
 * Not a change of state: it makes no revision and needs no place in the ledger's order.
 */
export async function openLease(store: Store, draft: LeaseDraft): Promise<OpenedLease | undefined> {
  const { id, secretHash, ttlMs, owner, principal } = draft
  const rows = await store.query<{
    expires: bigint
    created: bigint
    is_new: boolean
    principal: string
    epoch: bigint
  }>({
    name: 'open-lease',
    text: `insert into lease as l (id, secret_hash, ttl_ms, expires_at, created_at, owner, principal)
      values ($1, $2, $3::int4, clock_timestamp() + $3::int4 * interval '1 millisecond', clock_timestamp(), $4, $5)
      on conflict (id) do update set ttl_ms = excluded.ttl_ms, expires_at = excluded.expires_at
        where l.secret_hash = excluded.secret_hash and l.ended_at is null and not l.epoch_over
      returning ${micros('expires_at')} as expires, ${micros('created_at')} as created, xmax = 0 as is_new, principal,
        (select epoch from ledger where id = 1) as epoch`,
    values: [id, secretHash, ttlMs, owner, principal],
  })
  const row = rows[0]
  if (row === undefined) return undefined
  return {
    expiresAt: row.expires as Instant,
    createdAt: row.created as Instant,
    isNew: row.is_new,
    principal: row.principal,
    epoch: row.epoch,
  }
}

/** Beats leases. Gives the TTL of each that is alive, by id; the others are not and will not be again. */
export async function beatLeases(
  store: Store,
  beats: readonly { id: string; secretHash: Buffer }[],
): Promise<Map<string, number>> {
  // In one order, which the plan keeps (see BY_KEY): two batches of beats do not wait for each other.
  const sorted = beats.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const rows = await store.prompt.query<{ id: string; ttl_ms: number }>({
    name: 'beat-leases',
    text: `update lease l set expires_at = clock_timestamp() + l.ttl_ms * interval '1 millisecond'
      from unnest($1::uuid[], $2::bytea[]) u(id, secret_hash)
      where l.id = u.id and l.secret_hash = u.secret_hash and l.ended_at is null and not l.epoch_over
      returning l.id::text, l.ttl_ms`,
    values: [uuidArray(sorted.map(({ id }) => id)), byteaArray(sorted.map(({ secretHash }) => secretHash))],
  })
  return new Map(rows.map(({ id, ttl_ms }) => [id, ttl_ms]))
}

/**
 * Whether a lease that is not alive ended with an epoch. It may be lost altogether: leases are kept for a day after they
 * ended, so within a day of an epoch's begin one that nobody knows is taken for lost with the epoch before.
 */
export async function isOfOldEpoch(store: Store, id: string): Promise<boolean> {
  const rows = await store.query({
    name: 'old-epoch',
    text: `select from ledger g left join lease l on l.id = $1 where g.id = 1
      and case when l.id is null then g.grants_from > clock_timestamp() - interval '1 day' else l.epoch_over end`,
    values: [id],
  })
  return rows.length > 0
}

export interface LeaseClock {
  /** The database's. */
  now: Instant
  /** Leases that are past their TTL. */
  due: string[]
  /** When the next one will be, if there is any. */
  nextAt: Instant | undefined
  /** The ledger's. */
  epoch: bigint
}

/**
 * What the time since a server last looked must exceed for it to count as an outage of Holdfast, for a lease of a TTL: as
 * much as a client allows for, so that also a clock that is set forward by more does not end what its holder still has.
 * Less than 500 ms is what a busy server takes.
 */
const OUTAGE = `greatest(500, least(3000, l.ttl_ms / 10)) * interval '1 millisecond'`

/** Leases that are ended at one time. */
const MOST_DUE = 1000

/**
 * Notes that heartbeats are served, and finds the leases that are due. After an outage, in which nobody could beat,
 * every lease of this epoch first gets its whole TTL anew. So it does when the clock of the database was set forward, which looks the
 * same; when it was set back, no lease keeps more than its TTL. One transaction, so that no server expires what another
 * one is about to extend.
 */
export async function readLeaseClock(store: Store): Promise<LeaseClock> {
  const [row] = await store.prompt.query<{ now: bigint; epoch: bigint }>({
    name: 'lease-clock',
    // What was is read by the update itself: a look at the row beside it finds it updated already, which is nothing.
    // Leases are locked in the order of heartbeats, which come all at once after an outage; and only when there was one.
    text: `with before as (select served_at from lease_clock where id = 1 for update),
      now as (update lease_clock c set served_at = clock_timestamp() from before b where c.id = 1
        returning c.served_at, c.served_at - b.served_at as gap),
      locked as materialized (select l.id from now n cross join lateral (
        select id from lease where ended_at is null and not epoch_over
          and n.gap not between interval '-500 milliseconds' and interval '500 milliseconds' order by id for update) l),
      amnesty as (update lease l set expires_at = n.served_at + l.ttl_ms * interval '1 millisecond'
        from locked k, now n where l.id = k.id and case when n.gap >= interval '0' then n.gap > ${OUTAGE}
          else l.expires_at > n.served_at + l.ttl_ms * interval '1 millisecond' end)
      select ${micros('n.served_at')} as now, (select epoch from ledger where id = 1) as epoch from now n`,
  })
  const { now, epoch } = row!
  const [leases] = await store.prompt.query<{ due: string[] | null; next: bigint | null }>({
    name: 'due-leases',
    text: `select (array_agg(id::text order by expires_at) filter (where expires_at <= t.now))[1:${MOST_DUE}] as due,
        ${micros('min(expires_at) filter (where expires_at > t.now)')} as next
      from lease cross join (select ${fromMicros('$1')} as now) t where ended_at is null`,
    values: [now],
  })
  const due = leases!.due ?? []
  const nextAt = due.length === MOST_DUE ? now : leases!.next
  return { now: now as Instant, due, nextAt: (nextAt ?? undefined) as Instant | undefined, epoch }
}

/** Forgets leases that ended a day ago. */
export async function forgetLeases(store: Store): Promise<void> {
  await store.prompt.query({
    name: 'forget-leases',
    text: `delete from lease where ended_at < clock_timestamp() - interval '1 day'`,
  })
}

/** Whether a lease lives, by the database's clock, and the ledger is still in this epoch. */
export async function isLeaseLive(store: Store, id: LeaseRow['id'], epoch: bigint): Promise<boolean> {
  const rows = await store.query({
    name: 'live-lease',
    text: `select 1 from lease l where l.id = $1 and l.ended_at is null and l.expires_at > clock_timestamp()
      and (select epoch from ledger where id = 1) = $2::int8`,
    values: [id, epoch],
  })
  return rows.length > 0
}
