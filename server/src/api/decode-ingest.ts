import type { BinaryReader } from '@bufbuild/protobuf/wire'
import { type EventBatch, IngestServiceService } from '../../../proto/gen/holdfast/v1/ingest_service.ts'
import { MAX_BATCH_EVENTS } from '../domain/event-validation.ts'
import { decodeEvent, type IncomingEvent, strictReader } from '../domain/incoming-event.ts'

/** A batch whose events are still at hand as they came: stored as they are, they need not be encoded again. */
export interface DecodedBatch extends Omit<EventBatch, 'events'> {
  events: IncomingEvent[]
  /** The bytes of each event, in order. */
  encoded: Uint8Array[]
  /** How many events were sent. Those past MAX_BATCH_EVENTS are not decoded: 4 MiB hold 2 million empty ones. */
  sent: number
}

/** A request of either method. */
export interface DecodedRequest {
  batch: DecodedBatch | undefined
}

/** IngestService with requests decoded to `DecodedBatch`. The field numbers are those of `EventBatch`. */
export const ingestServiceDefinition = {
  ingest: {
    ...IngestServiceService.ingest,
    requestDeserialize: decodeRequest,
  },
  ingestBatch: {
    ...IngestServiceService.ingestBatch,
    requestDeserialize: decodeRequest,
  },
}

const tag = (field: number, wireType: number): number => (field << 3) | wireType
const BATCH = tag(1, 2)
const SOURCE = tag(1, 2)
const EPOCH = tag(2, 0)
const EVENTS = tag(3, 2)

function decodeRequest(bytes: Buffer): DecodedRequest {
  const reader = strictReader(bytes)
  let batch: DecodedBatch | undefined
  while (reader.pos < reader.len) {
    const at = reader.uint32()
    if (at === BATCH) {
      batch ??= { source: '', epoch: 0n, events: [], encoded: [], sent: 0 }
      decodeBatch(reader, bytes, batch)
    } else skip(reader, at)
  }
  return { batch }
}

function decodeBatch(reader: BinaryReader, bytes: Buffer, batch: DecodedBatch): void {
  const end = reader.uint32() + reader.pos
  while (reader.pos < end) {
    const at = reader.uint32()
    if (at === SOURCE) batch.source = reader.string()
    else if (at === EPOCH) batch.epoch = BigInt(reader.uint64())
    else if (at === EVENTS) {
      const length = reader.uint32()
      if (++batch.sent > MAX_BATCH_EVENTS) {
        reader.pos += length
        continue
      }
      const event = bytes.subarray(reader.pos, reader.pos + length)
      if (event.length < length) throw new RangeError('an event is longer than the batch that it is in')
      batch.events.push(decodeEvent(event))
      batch.encoded.push(event)
      reader.pos += length
    } else skip(reader, at)
  }
  endsAt(reader, end)
}

/**
 * A message ends where its length says. The generated code reads on when a field within goes further: what it
 * made of an event then could not be read from that event's bytes again.
 */
function endsAt(reader: BinaryReader, end: number): void {
  if (reader.pos !== end) throw new RangeError('a field is longer than the message that it is in')
}

function skip(reader: BinaryReader, at: number): void {
  if ((at & 7) === 4 || at === 0) throw new RangeError(`invalid tag ${at}`)
  reader.skip(at & 7)
}
