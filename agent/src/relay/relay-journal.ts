import { join } from 'node:path'
import { Journal } from '../spool/journal.ts'

/** A batch, or some events of it, that the server will never take, and why. */
export interface RefusedBatch {
  source: string
  reason: string
  message: string
  /** An encoded `IngestBatchRequest` in base64, for whoever wants to mend it. */
  batch: string
}

/** Batches that a relay has acknowledged and not sent on yet. */
export class RelayJournal extends Journal {
  /** Puts what is refused for good aside with its reason. */
  setAside(refused: RefusedBatch): void {
    this.addLine('refused.ndjson', JSON.stringify(refused))
  }

  refused(): RefusedBatch[] {
    return this.lines('refused.ndjson')
  }
}

/** A relay's directory in a data directory. */
export const relayDirOf = (dataDir: string): string => join(dataDir, 'relay')
