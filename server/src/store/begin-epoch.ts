import type { Instant } from '../domain/instant.ts'
import type { Queries } from './connections.ts'
import { fromMicros } from './pg-types.ts'

/** Begins the epoch after `epoch`, unless somebody has: of several servers that notice a loss, one begins it. */
export async function beginEpoch(database: Queries, epoch: bigint): Promise<void> {
  await database.query({ name: 'begin-epoch', text: 'select begin_epoch($1)', values: [epoch] })
}

/** A revision that was seen, told apart from every other one that ever had its number. */
export interface KnownCommit {
  epoch: bigint
  revision: bigint
  committedAt: Instant
}

/** Whether the history of the ledger lacks a commit; `$1`, `$2` and `$3` are its epoch, revision and time. */
export const LACKS_COMMIT = `exists (select from ledger k where k.id = 1 and k.epoch = $1::int8 and k.compacted < $2::int8
  and not exists (select from change c where c.revision = $2::int8 and c.committed_at = ${fromMicros('$3')}))`

/** Whether the ledger is of the epoch of a commit, and its history has another one in its place, or none. */
export async function lacksCommit(database: Queries, commit: KnownCommit): Promise<boolean> {
  const [row] = await database.query<{ lacks: boolean }>({
    name: 'lacks-commit',
    text: `select ${LACKS_COMMIT} as lacks`,
    values: [commit.epoch, commit.revision, commit.committedAt],
  })
  return row!.lacks
}
