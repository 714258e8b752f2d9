import type { Instant } from '../domain/instant.ts'
import type { Queries } from './connections.ts'
import { micros } from './pg-types.ts'

/** Where the ledger stands. */
export interface LedgerStand {
  epoch: bigint
  head: bigint
  compacted: bigint
  /** Of the last commit. */
  lastTime: Instant
  /** The database's, now. */
  clock: Instant
  /** Of the database, when its last writer found it. */
  timeline: number
}

const STAND = `select epoch, head, compacted, ${micros('last_time')} as "lastTime",
  ${micros('clock_timestamp()')} as clock, timeline from ledger where id = 1`

export async function readLedger(database: Queries): Promise<LedgerStand> {
  const [stand] = await database.query<LedgerStand & { [column: string]: unknown }>({
    name: 'ledger-stand',
    text: STAND,
  })
  return stand!
}

/**
 * As `readLedger`, once every writer that took its time before now has committed. A writer holds the ledger's row from
 * before it reads the clock until its commit, so a lock on the row waits for it, and later ones read a later clock.
 */
export async function readLedgerAfterWriters(database: Queries): Promise<LedgerStand> {
  const [stand] = await database.query<LedgerStand & { [column: string]: unknown }>({
    name: 'ledger-stand-after-writers',
    text: `${STAND} for key share`,
  })
  return stand!
}
