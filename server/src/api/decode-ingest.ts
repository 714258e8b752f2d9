import { BinaryReader } from '@bufbuild/protobuf/wire'
import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import {
  type EventBatch,
  type IngestBatchRequest,
  type IngestRequest,
  IngestServiceService,
} from '../../../proto/gen/holdfast/v1/ingest_service.ts'

/** A batch whose events are still at hand as they came: stored as they are, they need not be encoded again. */
export interface DecodedBatch extends EventBatch {
  /** The bytes of each event, in order. */
  encoded: Uint8Array[]
}

/** IngestService with requests decoded to `DecodedBatch`. The field numbers are those of `EventBatch`. */
export const ingestServiceDefinition = {
  ingest: {
    ...IngestServiceService.ingest,
    requestDeserialize: (bytes: Buffer): IngestRequest => ({ batch: decodeRequest(bytes) }),
  },
  ingestBatch: {
    ...IngestServiceService.ingestBatch,
    requestDeserialize: (bytes: Buffer): IngestBatchRequest => ({ batch: decodeRequest(bytes) }),
  },
}

const tag = (field: number, wireType: number): number => (field << 3) | wireType
const BATCH = tag(1, 2)
const SOURCE = tag(1, 2)
const EPOCH = tag(2, 0)
const EVENTS = tag(3, 2)

function decodeRequest(bytes: Buffer): DecodedBatch | undefined {
  const reader = new BinaryReader(bytes)
  let batch: DecodedBatch | undefined
  while (reader.pos < reader.len) {
    const at = reader.uint32()
    if (at === BATCH) {
      batch ??= { source: '', epoch: 0n, events: [], encoded: [] }
      decodeBatch(reader, bytes, batch)
    } else skip(reader, at)
  }
  return batch
}

function decodeBatch(reader: BinaryReader, bytes: Buffer, batch: DecodedBatch): void {
  const end = reader.uint32() + reader.pos
  while (reader.pos < end) {
    const at = reader.uint32()
    if (at === SOURCE) batch.source = reader.string()
    else if (at === EPOCH) batch.epoch = BigInt(reader.uint64())
    else if (at === EVENTS) {
      const length = reader.uint32()
      const begin = reader.pos
      batch.events.push(Event.decode(reader, length))
      batch.encoded.push(bytes.subarray(begin, begin + length))
    } else skip(reader, at)
  }
}

function skip(reader: BinaryReader, at: number): void {
  if ((at & 7) === 4 || at === 0) throw new RangeError(`invalid tag ${at}`)
  reader.skip(at & 7)
}
