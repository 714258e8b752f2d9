import type { EventRefusedError } from './errors.ts'
import type { Revision } from './revision.ts'

/** What {@link Holdfast.ingest} takes. */
export interface IngestStreamOptions {
  /**
   * Who reports: 1 to 256 bytes of printable text without spaces. One stream at a time for one source and
   * epoch. @defaultValue the client's source, `/` and the process id
   */
  source?: string | undefined
  /**
   * The numbering that the events belong to: higher for each new one. Give it, with `firstSeq`, to go on with
   * a numbering that is kept somewhere, such as in a spool. @defaultValue microseconds since 1970
   */
  epoch?: bigint | undefined
  /** The number of the first event. @defaultValue 1 */
  firstSeq?: number | undefined
  /** The most events of a batch, 1 to 5,000. @defaultValue 1,000 */
  maxBatchEvents?: number | undefined
  /**
   * The most batches sent and not acknowledged. When as many wait, and a whole further one is gathered,
   * `send` waits; so at most `(maxInFlight + 1) × maxBatchEvents` events are unacknowledged. @defaultValue 8
   */
  maxInFlight?: number | undefined
  /** Hears of each event that the server refuses for good. @defaultValue a warning to the client's logger */
  onRefused?: ((error: EventRefusedError) => void) | undefined
  /** Hears that everything up to this number is settled: stored, or refused for good. In order. */
  onAcked?: ((seq: number) => void) | undefined
}

/** What an ingest stream has done so far. */
export interface IngestStats {
  /** Events taken by `send`. */
  sent: number
  /** Of these, events that the server has settled: stored, or refused for good. */
  acked: number
  /** Of these, events refused for good. */
  refused: number
  /** Of these, events that the server had already, such as those that were sent again after a reconnect. */
  duplicates: number
  /** How often the stream was cut off and opened again. */
  reconnects: number
  /** The number of the last settled event; 0 if none. */
  ackedSeq: number
  /** A revision at which a read sees all that is acknowledged; undefined before the first ack. */
  revision: Revision | undefined
  /** The epoch of the ledger that the revision belongs to. */
  ledgerEpoch: bigint | undefined
}

/** What became of an event that {@link IngestStream.sendAndWait} sent. */
export interface Acknowledged {
  /** A revision at or before which the event is in the state. */
  revision: Revision
  /** The epoch of the ledger that the revision belongs to. */
  ledgerEpoch: bigint
}
