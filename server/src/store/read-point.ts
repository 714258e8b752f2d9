import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import { HoldfastError, refuseViolations } from '../domain/error.ts'
import { type Instant, instantFromTimestamp } from '../domain/instant.ts'
import { revisionAhead, revisionCompacted } from '../domain/lost-position.ts'
import { formatRfc3339, timeViolation } from '../domain/rfc3339.ts'
import { micros } from './pg-types.ts'
import { sql, sqlTime } from './sql.ts'
import type { Store } from './store.ts'
import { storeError } from './store-error.ts'

/** When a request asks to read: a time, a revision, or neither. */
export interface ReadTime {
  readTime: Timestamp | undefined
  /** 0 is unset. */
  revision: bigint
}

/** The revision that a read answers at. */
export interface ReadPoint {
  revision: bigint
  /** Where the ledger stood when this was found out. */
  head: bigint
  /** Whether the request named no time: then "last seen" is told as it is now. */
  now: boolean
}

interface Position {
  head: bigint
  compacted: bigint
  last_time: bigint
  clock: bigint
}

const POSITION = `select head, compacted, ${micros('last_time')} as last_time,
  ${micros('clock_timestamp()')} as clock from ledger where id = 1`

/**
 * Finds the revision that a request reads at. The answer for a time is final: no later commit can fall before
 * it. Throws INVALID_REQUEST when both are set, REVISION_AHEAD for the future by the database's clock,
 * REVISION_COMPACTED for what is no longer kept.
 */
export async function resolveReadPoint(store: Store, { readTime, revision }: ReadTime): Promise<ReadPoint> {
  if (readTime !== undefined && revision !== 0n) {
    const description = 'cannot be together with revision; send one of them'
    refuseViolations([{ field: 'read_time', description }])
  }
  const position = await readPosition(store)
  const { head, compacted } = position
  if (readTime !== undefined) return atTime(store, readTime, position)
  if (revision === 0n) return { revision: head, head, now: true }
  if (revision > head) throw revisionAhead(revision, head)
  if (revision < compacted) throw revisionCompacted(revision, compacted)
  return { revision, head, now: false }
}

async function readPosition(store: Store): Promise<Position> {
  const rows = await store.query<Position & { [column: string]: bigint }>({
    name: 'read-point',
    text: POSITION,
  })
  return rows[0]!
}

async function atTime(store: Store, readTime: Timestamp, position: Position): Promise<ReadPoint> {
  const time = readableTime(readTime)
  if (time > position.clock) throw timeAhead(time, position.clock)
  const { head } = time < position.last_time ? position : await afterWriters(store)
  // One statement: a compaction in between must not make what it took look like what never was.
  const [found] = await store.query<{ revision: bigint | null; compacted: bigint }>(
    sql`select l.compacted, (
        select revision from ledger_commit where committed_at <= ${sqlTime(time)}
        order by committed_at desc, revision desc limit 1
      ) as revision from ledger l where l.id = 1`.toQuery('revision-at'),
  )
  const { compacted } = found!
  // Before the first commit there was nothing: revision 0, unless what came after it is no longer kept.
  const revision = found!.revision ?? 0n
  if (revision < compacted) throw revisionCompacted(revision, compacted)
  return { revision, head: head > revision ? head : revision, now: false }
}

/**
 * The position once every writer that took its time before now has committed. A writer holds the ledger's row
 * from before it reads the clock until its commit, so a lock on the row waits for it, and later ones read a
 * later clock.
 */
async function afterWriters(store: Store): Promise<Position> {
  try {
    const locked = await store.pool.query<Position & { [column: string]: bigint }>({
      name: 'read-point-after-writers',
      text: `${POSITION} for key share`,
    })
    return locked.rows[0]!
  } catch (error) {
    throw storeError(error)
  }
}

function readableTime(time: Timestamp): Instant {
  const violation = timeViolation('read_time', time)
  if (violation !== undefined) refuseViolations([violation])
  return instantFromTimestamp(time)
}

function timeAhead(time: Instant, clock: bigint): HoldfastError {
  const [readTime, serverTime] = [formatRfc3339(time), formatRfc3339(clock as Instant)]
  return new HoldfastError(
    'REVISION_AHEAD',
    `read_time ${readTime} is in the future: the server's clock says ${serverTime}; leave it unset to read now`,
    { metadata: { readTime, serverTime } },
  )
}

/**
 * The time up to which a timeline knows what was recorded: the one asked for, or now. Nothing that is recorded
 * later falls before it. Throws REVISION_AHEAD for the future.
 */
export async function resolveRecordedUntil(store: Store, readTime: Timestamp | undefined): Promise<Instant> {
  const position = await readPosition(store)
  if (readTime === undefined) return position.clock as Instant
  const time = readableTime(readTime)
  if (time > position.clock) throw timeAhead(time, position.clock)
  if (time >= position.last_time) await afterWriters(store)
  return time
}

/** Finds again the read point of a listing's first page, for a later page. */
export async function resumeReadPoint(
  store: Store,
  { revision, now }: { revision: bigint; now: boolean },
): Promise<ReadPoint> {
  const { head, compacted } = await readPosition(store)
  if (revision > head) throw revisionAhead(revision, head)
  if (revision < compacted) throw revisionCompacted(revision, compacted)
  return { revision, head, now }
}
