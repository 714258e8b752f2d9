import { EpochChangedError } from './errors.ts'

/**
 * The error about a server in an epoch before one that this client has seen: its database is one that another was
 * promoted in the place of, and it should not run any more.
 */
export const behind = (ledgerEpoch: bigint): EpochChangedError =>
  new EpochChangedError(
    `the server is in epoch ${ledgerEpoch}, and a later one has begun: its database was failed over or restored, and should be shut off`,
    { code: 'FAILED_PRECONDITION', reason: 'EPOCH_CHANGED', metadata: { epoch: String(ledgerEpoch) } },
  )
