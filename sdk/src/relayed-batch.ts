// For the relay: batches that were made elsewhere, sent on as they are.
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { IngestBatchRequest, IngestServiceDefinition } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import type { CallOptions, ConnectOptions } from './connect-options.ts'
import { Connection } from './connection.ts'
import { type EventRefusedError, HoldfastError } from './errors.ts'
import { dateFromTimestamp } from './revision.ts'
import { rpc } from './rpc.ts'
import { errorOfRefusedEvent } from './status.ts'

const ingestBatch = {
  ...rpc(IngestServiceDefinition, IngestServiceDefinition.methods.ingestBatch),
  encode: (request: Uint8Array) => Buffer.from(request.buffer, request.byteOffset, request.byteLength),
}

/** An event of a batch that the server does not take. */
export interface RelayedRefusal {
  /** Its place in the batch, from 0. */
  index: number
  error: EventRefusedError
}

/**
 * Sends encoded `IngestRequest`s or `IngestBatchRequest`s, which have the same bytes: source, epoch and numbers are
 * those of who made them.
 */
export class BatchSender {
  readonly #connection: Connection

  constructor(options: ConnectOptions & { address: string }) {
    this.#connection = new Connection(options)
  }

  /** Resolves when the batch is durable, to what of it is refused. Rejects as the methods of the client do. */
  async send(request: Uint8Array, options: CallOptions = {}): Promise<RelayedRefusal[]> {
    const { outcome } = await this.#connection.unary(ingestBatch, request, options)
    if (outcome === undefined) {
      throw new HoldfastError('the server answered without an outcome', { code: 'INTERNAL' })
    }
    return outcome.refused.map((refused) => ({ index: refused.index, error: errorOfRefusedEvent(refused) }))
  }

  close(): void {
    this.#connection.close()
  }
}

/** Whose batch it is. Does not decode its events. Throws for bytes that are none. */
export function sourceOfBatch(request: Uint8Array): string {
  const reader = new BinaryReader(request)
  let source = ''
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    // IngestRequest.batch and EventBatch.source: the first goes into what the second is a field of.
    if (tag !== 0x0a) {
      reader.skip(tag & 7)
      continue
    }
    const end = reader.uint32() + reader.pos
    while (reader.pos < end) {
      const inner = reader.uint32()
      if (inner === 0x0a) source = reader.string()
      else reader.skip(inner & 7)
    }
  }
  return source
}

/** The batch that holds only some of a batch's events, under its source and epoch. */
export function batchOfSome(request: Uint8Array, indexes: readonly number[]): Uint8Array {
  const { batch } = IngestBatchRequest.decode(request)
  const events = (batch?.events ?? []).filter((_, index) => indexes.includes(index))
  return IngestBatchRequest.encode({ batch: batch && { ...batch, events } }).finish()
}

/** Whose batch it is, how many events it holds, and when the first of them happened. Throws for bytes that are none. */
export function summaryOfBatch(request: Uint8Array): {
  source: string
  events: number
  firstOccurredAt: Date | undefined
} {
  const { source = '', events = [] } = IngestBatchRequest.decode(request).batch ?? {}
  const times = events.flatMap(({ occurredTime }) => (occurredTime === undefined ? [] : [occurredTime]))
  const first = times.length === 0 ? undefined : Math.min(...times.map((time) => +dateFromTimestamp(time)))
  return { source, events: events.length, firstOccurredAt: first === undefined ? undefined : new Date(first) }
}
