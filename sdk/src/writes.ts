import type { Event } from '../../proto/gen/holdfast/v1/event.ts'
import {
  type IngestBatchRequest,
  IngestServiceDefinition,
} from '../../proto/gen/holdfast/v1/ingest_service.ts'
import type { FlatWriter } from '../../runtime/flat-writer.ts'
import type { CallOptions } from './connect-options.ts'
import type { Connection } from './connection.ts'
import { HoldfastError } from './errors.ts'
import type { OutgoingEvent } from './event-options.ts'
import { writeEvent } from './event-writer.ts'
import { type Revision, timestampFromDate } from './revision.ts'
import { rpc } from './rpc.ts'
import { errorOfRefusedEvent } from './status.ts'
import { uuidV7 } from './uuid.ts'

/** What became of an event that was taken. It is durable, and a read at `revision` sees it. */
export interface Written {
  /** A revision at or before which the event is in the state. 0 from a relay, which sends it to the server later. */
  revision: Revision
  /** The epoch of the ledger that the revision belongs to. */
  ledgerEpoch: bigint
  /** True when the same source had sent an event of this id before: then nothing was done. */
  duplicate: boolean
}

const ingestBatch = rpc(IngestServiceDefinition, {
  ...IngestServiceDefinition.methods.ingestBatch,
  requestType: { encode: writeRequest },
})

/**
 * Sends events in one batch and waits until they are durable. Their ids are minted here and kept through
 * retries, so each counts once however often it was tried.
 *
 * @throws EventRefusedError when the server refuses one for good. The others have landed.
 */
export async function writeEvents(
  connection: Connection,
  source: string,
  events: readonly OutgoingEvent[],
  options: CallOptions,
): Promise<Written> {
  // Not numbered (seq 0): several processes of a host report under one source.
  const batch = { source, epoch: 0n, events: events.map(unnumbered) }
  const { outcome } = await connection.unary(ingestBatch, { batch }, options)
  if (outcome === undefined) {
    throw new HoldfastError('the server answered without an outcome', { code: 'INTERNAL' })
  }
  const refused = outcome.refused[0]
  if (refused) throw errorOfRefusedEvent(refused)
  return {
    revision: outcome.revision as Revision,
    ledgerEpoch: outcome.ledgerEpoch,
    duplicate: outcome.duplicates === events.length,
  }
}

// Tags of IngestBatchRequest.batch and EventBatch.{source,epoch,events}: (field number << 3) | wire type.
const requestBatch = 0x0a
const batchSource = 0x0a
const batchEpoch = 0x10
const batchEvents = 0x1a

function writeRequest({ batch }: IngestBatchRequest, writer: FlatWriter): FlatWriter {
  if (batch === undefined) return writer
  const { source, epoch, events } = batch
  writer.varint(requestBatch).fork().varint(batchSource).string(source).varint(batchEpoch).uint64(epoch)
  for (const event of events) writeEvent(event, writer.varint(batchEvents).fork()).join()
  return writer.join()
}

function unnumbered({ id, occurredAt, payload }: OutgoingEvent): Event {
  return {
    id: id ?? uuidV7(),
    seq: 0n,
    occurredTime: timestampFromDate(occurredAt ?? new Date()),
    payload,
  }
}
