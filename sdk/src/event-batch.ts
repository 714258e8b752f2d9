import { FlatWriter, varintSize } from '../../runtime/flat-writer.ts'
import type { EventPayload } from './event-options.ts'
import { writeEvent } from './event-writer.ts'

/** An event whose blanks are filled in. */
export interface NumberedEvent {
  id: string
  seq: number
  /** Milliseconds since 1970. */
  occurredMs: number
  payload: EventPayload
}

// Tags of IngestRequest.batch, EventBatch.{source,epoch,events}, Event.{id,seq,occurred_time} and
// Timestamp.{seconds,nanos}: (field number << 3) | wire type.
const requestBatch = 0x0a
const batchSource = 0x0a
const batchEpoch = 0x10
const batchEvents = 0x1a
const eventId = 0x0a
const eventSeq = 0x10
const eventOccurred = 0x1a
const timestampSeconds = 0x08
const timestampNanos = 0x10

/** Room in front of a batch for its tag and its length, which is known last. */
const headroom = 6

/**
 * Encodes events, each once, into the bytes of an `IngestRequest`. The bytes are what is sent, and sent again
 * after a reconnect: nothing is encoded or copied twice.
 *
 * Id, number and time are written by hand, for the generated code wants a `bigint` of each number and an object
 * of each time; the payload, which is most of it, is left to `writeEvent`.
 */
export class BatchWriter {
  readonly #source: string
  readonly #epoch: bigint
  readonly #writer = new FlatWriter(16 * 1024)
  #events = 0

  constructor(source: string, epoch: bigint) {
    this.#source = source
    this.#epoch = epoch
    this.#begin()
  }

  /** Events in the batch so far. */
  get events(): number {
    return this.#events
  }

  /** Bytes of the batch so far. */
  get bytes(): number {
    return this.#writer.length - headroom
  }

  /** Adds an event, and returns its size in bytes. When it throws nothing was added. */
  append({ id, seq, occurredMs, payload }: NumberedEvent): number {
    const writer = this.#writer
    const before = writer.length
    try {
      writer.varint(batchEvents).fork()
      writer.varint(eventId).string(id).varint(eventSeq).varint(seq)
      const seconds = Math.floor(occurredMs / 1000)
      const nanos = Math.round((occurredMs - seconds * 1000) * 1_000_000)
      writer.varint(eventOccurred).fork().varint(timestampSeconds).int64(seconds)
      if (nanos !== 0) writer.varint(timestampNanos).varint(nanos)
      writer.join()
      writeEvent({ id: '', seq: 0n, occurredTime: undefined, payload }, writer).join()
    } catch (error) {
      writer.truncate(before)
      throw error
    }
    this.#events++
    return writer.length - before
  }

  /** Takes back the last event, of that size. */
  takeBack(bytes: number): void {
    this.#writer.truncate(this.#writer.length - bytes)
    this.#events--
  }

  /** The encoded `IngestRequest`; the writer begins the next one. */
  seal(): Buffer<ArrayBuffer> {
    const length = this.bytes
    const start = headroom - 1 - varintSize(length)
    this.#writer.overwrite(start, () => this.#writer.varint(requestBatch).varint(length))
    const sealed = this.#writer.detach(start)
    this.#begin()
    return sealed
  }

  /** Takes back the memory of a batch that is settled. */
  recycle(sealed: Buffer<ArrayBuffer>): void {
    this.#writer.recycle(sealed)
  }

  #begin(): void {
    this.#events = 0
    this.#writer.raw(new Uint8Array(headroom))
    this.#writer.varint(batchSource).string(this.#source).varint(batchEpoch).uint64(this.#epoch)
  }
}
