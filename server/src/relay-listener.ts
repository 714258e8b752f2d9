import { readFile } from 'node:fs/promises'
import type { BatchOutcome } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { type DecodedRequest, ingestServiceDefinition } from './api/decode-ingest.ts'
import type { Handlers } from './api/handler.ts'
import { checkBatch } from './api/ingest-service.ts'
import { HoldfastError } from './domain/error.ts'
import { openLog } from './log.ts'
import { GrpcServer } from './transport/grpc-server.ts'

const drainGraceMs = 5_000
/** A machine whose report is not taken tries again after this long; until then it is in its own spool. */
const retryAfterMs = 5_000
const descriptorSetUrl = new URL('../../proto/gen/descriptor-set.binpb', import.meta.url)

export interface RelayListenerOptions {
  /** `host:port`; port 0 takes a free one. Beyond loopback both `tls` and `tokens` are needed. */
  address: string
  tls: { cert: Buffer; key: Buffer } | undefined
  tokens: { principal: string; token: string }[] | undefined
  /** Puts an encoded request on disk. What it rejects with is told as UNAVAILABLE. */
  keep: (request: Uint8Array) => Promise<void>
}

export interface RelayListener {
  /** With the port that was taken. */
  address: string
  stop(): Promise<void>
}

/**
 * Listens as a server does, for reports only: IngestService, with the checks of a server on who calls and on what a
 * batch is. What an event is worth only the server can say.
 */
export async function startRelayListener(options: RelayListenerOptions): Promise<RelayListener> {
  const log = openLog('error')
  const grpc = new GrpcServer({ ...options, log, descriptorSet: () => readFile(descriptorSetUrl) })
  grpc.add(relayedIngest, relayHandlers(options))
  const address = await grpc.listen()
  return { address, stop: () => grpc.drain(drainGraceMs) }
}

/** A request, and the bytes that it came in. */
interface RelayedRequest extends DecodedRequest {
  bytes: Buffer
}

const relayedIngest = {
  ingest: {
    ...ingestServiceDefinition.ingest,
    requestDeserialize: withBytes(ingestServiceDefinition.ingest.requestDeserialize),
  },
  ingestBatch: {
    ...ingestServiceDefinition.ingestBatch,
    requestDeserialize: withBytes(ingestServiceDefinition.ingestBatch.requestDeserialize),
  },
}

function withBytes(decode: (bytes: Buffer) => DecodedRequest): (bytes: Buffer) => RelayedRequest {
  return (bytes) => ({ ...decode(bytes), bytes })
}

function relayHandlers({ keep }: RelayListenerOptions): Handlers<typeof relayedIngest> {
  const take = async ({ batch, bytes }: RelayedRequest): Promise<BatchOutcome> => {
    const { source, epoch, events } = checkBatch(batch)
    await keep(bytes).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause)
      const text = `the relay cannot keep the batch: ${why}; send it again, or make room on the relay's disk`
      throw new HoldfastError('STORE_UNAVAILABLE', text, { cause, retryAfterMs })
    })
    return {
      source,
      epoch,
      ackedSeq: events.reduce((highest, { seq }) => (seq > highest ? seq : highest), 0n),
      accepted: events.length,
      ...{ gaps: [], refused: [], duplicates: 0, ledgerEpoch: 0n, revision: 0n },
    }
  }
  return {
    async ingestBatch(request) {
      return { outcome: await take(request) }
    },
    async *ingest(requests) {
      let ackedBatches = 0n
      for await (const request of requests) {
        const outcome = await take(request)
        ackedBatches++
        yield { ackedBatches, outcomes: [outcome] }
      }
    },
  }
}
