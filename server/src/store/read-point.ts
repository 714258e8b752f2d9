import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import { HoldfastError, refuseViolations } from '../domain/error.ts'
import { type Instant, instantFromTimestamp } from '../domain/instant.ts'
import { revisionAhead, revisionCompacted } from '../domain/lost-position.ts'
import { formatRfc3339, timeViolation } from '../domain/rfc3339.ts'
import { type LedgerStand, readLedger, readLedgerAfterWriters } from './read-ledger.ts'
import { sql, sqlTime } from './sql.ts'
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
  if (readTime !== undefined && revision !== 0n) {
    const description = 'cannot be together with revision; send one of them'
    refuseViolations([{ field: 'read_time', description }])
  }
  const ledger = await readLedger(store)
  if (readTime !== undefined) return atTime(store, readTime, ledger)
  const { head } = ledger
  return revision === 0n ? { revision: head, head, now: true } : atRevision(ledger, revision)
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

/**
 * The time up to which a timeline knows what was recorded: the one asked for, or now. Nothing that is recorded
 * later falls before it. Throws REVISION_AHEAD for the future.
 */
export async function resolveRecordedUntil(store: Store, readTime: Timestamp | undefined): Promise<Instant> {
  const { clock, lastTime } = await readLedger(store)
  if (readTime === undefined) return clock
  const time = readableTime(readTime)
  if (time > clock) throw timeAhead(time, clock)
  if (time >= lastTime) await readLedgerAfterWriters(store)
  return time
}

/** Finds again the read point of a listing's first page, for a later page. */
export async function resumeReadPoint(
  store: Store,
  { revision, now }: { revision: bigint; now: boolean },
): Promise<ReadPoint> {
  return atRevision(await readLedger(store), revision, now)
}
