import type pg from 'pg'
import type { Instant } from '../domain/instant.ts'
import { type KnownCommit, LACKS_COMMIT } from './begin-epoch.ts'
import { micros } from './pg-types.ts'

/**
 * What the operator says of the standbys that may be promoted: whether all of them are synchronous, so that whatever was
 * acknowledged is at each of them. PostgreSQL cannot tell: which standbys a commit waited for is in no record of it.
 */
export type Replication = 'asynchronous' | 'synchronous'

/** After so long without a server a database that was promoted is taken for a backup that was restored. */
const LONGEST_FAILOVER = `interval '5 minutes'`

export interface EpochCheck {
  replication: Replication
  /** The last commit that this process was answered, which must still be there. */
  known: KnownCommit | undefined
  /** Whether it is known to have lost revisions. */
  lost?: boolean
}

/** The epoch that a ledger is in. */
export interface LedgerEpoch {
  epoch: bigint
  /** Before this time no lock is granted. */
  grantsFrom: Instant
  /** Why it began in this call; undefined when it did not. */
  began: string | undefined
  /** Whether the database was failed over without it. */
  wentOn: boolean
}

/**
 * Under the ledger's lock: begins a new epoch when the database may have lost revisions since the ledger was last written.
 * It has another identity or timeline when it was restored or promoted. A promoted one goes on when it lost nothing.
 */
export async function ensureEpoch(client: pg.ClientBase, check: EpochCheck): Promise<LedgerEpoch> {
  const { known, replication, lost = false } = check
  const { rows } = await client.query<{
    moved: boolean
    promoted: boolean
    lacks: boolean
    s: string
    t: number
  }>(
    `select l.system_identifier <> '' and (l.system_identifier, l.timeline) <> (d.s, d.t) as moved,
        l.system_identifier = d.s and d.t > l.timeline and exists (
          select from lease_clock where served_at > clock_timestamp() - ${LONGEST_FAILOVER}) as promoted,
        ${LACKS_COMMIT} as lacks, d.s, d.t
      from ledger l, (select system_identifier::text as s, current_timeline() as t from pg_control_system()) d
      where l.id = 1`,
    [known?.epoch ?? 0n, known?.revision ?? 0n, known?.committedAt ?? 0n],
  )
  const { moved, promoted, lacks, s, t } = rows[0]!
  const wentOn = moved && promoted && replication === 'synchronous'
  const began =
    lost || lacks
      ? 'it lost revisions that were acknowledged'
      : moved && !wentOn
        ? 'it was restored or failed over'
        : undefined
  if (began !== undefined) await client.query('select begin_epoch()')
  const { rows: found } = await client.query<{ epoch: bigint; grants_from: bigint }>(
    `update ledger set system_identifier = $1, timeline = $2 where id = 1
      returning epoch, ${micros('grants_from')} as grants_from`,
    [s, t],
  )
  const { epoch, grants_from } = found[0]!
  return { epoch, grantsFrom: grants_from as Instant, began, wentOn: wentOn && began === undefined }
}
