import { HoldfastError } from './error.ts'

/** Why a revision or position cannot be honoured. Each is an error of its own: never silence, never a guess. */

/** Whether an error says that a position is lost, so that only a new snapshot helps. */
export const isLost = (error: unknown): boolean =>
  error instanceof HoldfastError &&
  (error.reason === 'EPOCH_CHANGED' ||
    error.reason === 'REVISION_COMPACTED' ||
    error.reason === 'REVISION_AHEAD')

export const epochChanged = (from: bigint, to: bigint): HoldfastError =>
  new HoldfastError(
    'EPOCH_CHANGED',
    `the ledger is at epoch ${to}, not ${from}: its database was restored or failed over, and revisions may have been lost. Begin with a new snapshot`,
    { metadata: { requestedEpoch: String(from), epoch: String(to) } },
  )

export const revisionCompacted = (revision: bigint, compacted: bigint): HoldfastError =>
  new HoldfastError(
    'REVISION_COMPACTED',
    `revision ${revision} is no longer kept; the oldest is ${compacted}. Ask for a later one, or begin with a new snapshot`,
    { metadata: { revision: String(revision), compacted: String(compacted) } },
  )

export const revisionAhead = (revision: bigint, head: bigint): HoldfastError =>
  new HoldfastError(
    'REVISION_AHEAD',
    `revision ${revision} is ahead of the ledger, which is at ${head}; ask for one that this server gave`,
    { metadata: { revision: String(revision), head: String(head) } },
  )
