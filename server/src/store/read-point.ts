import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import { type FieldViolation, HoldfastError, refuseViolations } from '../domain/error.ts'
import { type Instant, instantFromTimestamp } from '../domain/instant.ts'
import { revisionAhead, revisionCompacted } from '../domain/lost-position.ts'
import { formatRfc3339, timeViolation } from '../domain/rfc3339.ts'
import { type LedgerStand, readLedger, readLedgerAfterWriters } from './read-ledger.ts'
import { sql, sqlMicros, sqlTime } from './sql.ts'
import type { Store } from './store.ts'

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

/**
 * Finds the revision that a request reads at. The answer for a time is final: no later commit can fall before
 * it. Throws INVALID_REQUEST when both are set, REVISION_AHEAD for the future by the database's clock,
 * REVISION_COMPACTED for what is no longer kept.
 */
export async function resolveReadPoint(store: Store, { readTime, revision }: ReadTime): Promise<ReadPoint> {
  refuseViolations(readTimeViolations({ readTime, revision }))
  const ledger = await readLedger(store)
  if (readTime !== undefined) return atTime(store, readTime, ledger)
  const { head } = ledger
  return revision === 0n ? { revision: head, head, now: true } : atRevision(ledger, revision)
}

export function readTimeViolations({ readTime, revision }: ReadTime): FieldViolation[] {
  if (readTime === undefined || revision === 0n) return []
  return [{ field: 'read_time', description: 'cannot be together with revision; send one of them' }]
}

function atRevision({ head, compacted }: LedgerStand, revision: bigint, now = false): ReadPoint {
  if (revision > head) throw revisionAhead(revision, head)
  if (revision < compacted) throw revisionCompacted(revision, compacted)
  return { revision, head, now }
}

async function atTime(store: Store, readTime: Timestamp, ledger: LedgerStand): Promise<ReadPoint> {
  const time = readableTime(readTime)
  if (time > ledger.clock) throw timeAhead(time, ledger.clock)
  const { head } = time < ledger.lastTime ? ledger : await readLedgerAfterWriters(store)
  const found = await lastCommit(store, time)
  // Before the first commit there was nothing: revision 0, unless what came after it is no longer kept.
  const revision = found.revision ?? 0n
  if (revision < found.compacted) throw revisionCompacted(revision, found.compacted)
  return { revision, head: head > revision ? head : revision, now: false }
}

/** The last revision that was committed by a time, and up to where none is kept. */
async function lastCommit(
  store: Store,
  time: Instant,
): Promise<{ revision: bigint | null; compacted: bigint }> {
  // One statement: a compaction in between must not make what it took look like what never was.
  const [found] = await store.query<{ revision: bigint | null; compacted: bigint }>(
    sql`select l.compacted, (
        select revision from ledger_commit where committed_at <= ${sqlTime(time)}
        order by committed_at desc, revision desc limit 1
      ) as revision from ledger l where l.id = 1`.toQuery('revision-at'),
  )
  return found!
}

function readableTime(time: Timestamp): Instant {
  refuseViolations([timeViolation('read_time', time)])
  return instantFromTimestamp(time)
}

function timeAhead(time: Instant, clock: Instant): HoldfastError {
  const [readTime, serverTime] = [formatRfc3339(time), formatRfc3339(clock)]
  return new HoldfastError(
    'REVISION_AHEAD',
    `read_time ${readTime} is in the future: the server's clock says ${serverTime}; leave it unset to read now`,
    { metadata: { readTime, serverTime } },
  )
}

/** What a timeline knows. */
export interface TimelinePoint {
  /** What was recorded at or before. */
  recordedUntil: Instant
  /** And of what changed something, what did so up to here. 0: nothing had, or that is no longer kept. */
  revision: bigint
}

/**
 * Finds what a timeline knows at the time or revision asked for, or now. Nothing that is recorded later falls before it,
 * unless the clock was set back: then what changes nothing may, until the clock is where it was.
 * Throws as `resolveReadPoint` does, but for a time before what is kept: events are kept by a time of their own.
 */
export async function resolveTimelinePoint(
  store: Store,
  { readTime, revision }: ReadTime,
): Promise<TimelinePoint> {
  const ledger = await readLedger(store)
  if (readTime !== undefined) return timelineAt(store, readTime, ledger)
  // Its clock may have been set back; the ledger's time goes on.
  const { clock, lastTime, head } = ledger
  if (revision === 0n) return { recordedUntil: clock > lastTime ? clock : lastTime, revision: head }
  atRevision(ledger, revision)
  return { recordedUntil: await commitTime(store, revision), revision }
}

async function timelineAt(
  store: Store,
  readTime: Timestamp,
  { clock, lastTime }: LedgerStand,
): Promise<TimelinePoint> {
  const time = readableTime(readTime)
  if (time > clock) throw timeAhead(time, clock)
  if (time >= lastTime) await readLedgerAfterWriters(store)
  const { revision, compacted } = await lastCommit(store, time)
  return { recordedUntil: time, revision: revision === null || revision < compacted ? 0n : revision }
}

/** When a revision was committed; of one between the commits of two epochs, the next commit's. */
export async function commitTime(store: Store, revision: bigint): Promise<Instant> {
  // A new epoch begins at a revision beyond all commits.
  const [row] = await store.query<{ time: Instant }>(
    sql`select ${sqlMicros(sql`coalesce(
        (select committed_at from ledger_commit where revision >= ${revision} order by revision limit 1),
        l.last_time)`)} as time from ledger l where l.id = 1`.toQuery('commit-time'),
  )
  return row!.time
}

/** Finds again the read point of a listing's first page, for a later page. */
export async function resumeReadPoint(
  store: Store,
  { revision, now }: { revision: bigint; now: boolean },
): Promise<ReadPoint> {
  return atRevision(await readLedger(store), revision, now)
}
