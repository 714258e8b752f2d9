import type { Status } from '../../../proto/gen/google/rpc/status.ts'
import type { BatchOutcome, IngestResponse } from '../../../proto/gen/holdfast/v1/ingest_service.ts'
import { type HoldfastError, invalidRequest, refuseViolations } from '../domain/error.ts'
import { batchViolations, MAX_BATCH_EVENTS } from '../domain/event-validation.ts'
import { IngestBatch, type IngestResult } from '../domain/ingest-batch.ts'
import { needsParts, partsOf, resultOf } from '../domain/ingest-parts.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { DecodedBatch, DecodedRequest, ingestServiceDefinition } from './decode-ingest.ts'
import type { CallContext, Handlers } from './handler.ts'

/** Batches of one stream that wait for their commit; while there are so many, the stream is not read. */
const MAX_IN_FLIGHT = 8

export interface IngestServiceOptions {
  ledger: Ledger
  eventRetentionDays: number
  /** How a refusal is told: only the transport knows gRPC's codes. */
  rpcStatus: (error: HoldfastError) => Status
}

/** Handlers for `ingestServiceDefinition`, whose requests bring the events' bytes along. */
export function ingestService(options: IngestServiceOptions): Handlers<typeof ingestServiceDefinition> {
  const { ledger, eventRetentionDays: retentionDays, rpcStatus } = options

  const take = async (batch: DecodedBatch | undefined, context: CallContext): Promise<BatchOutcome> => {
    const { source, epoch, events, encoded } = checkBatch(batch)
    const { principal, signal } = context
    const parts = partsOf({ source, epoch: Number(epoch), events, encoded, principal, retentionDays })
    const results: IngestResult[] = []
    // One after the other, so that other callers have their turn in between.
    for (const part of parts) results.push(await ledger.submit(new IngestBatch(part), signal))
    return outcomeOf(resultOf(parts, results), rpcStatus)
  }

  return {
    async ingestBatch({ batch }, context) {
      return { outcome: await take(batch, context) }
    },

    async *ingest(requests, context) {
      const inFlight: Promise<BatchOutcome>[] = []
      const iterator = requests[Symbol.asyncIterator]()
      // What ends the requests early is told in its turn, after the answers to the batches before it.
      const next = (): Promise<Step> =>
        iterator.next().catch((cause: unknown) => ({ failed: true, cause }) as const)
      let acked = 0n
      let reading: Promise<Step> | undefined = next()
      try {
        while (reading !== undefined || inFlight.length > 0) {
          if (reading !== undefined && inFlight.length < MAX_IN_FLIGHT) {
            // Whichever comes first: the next batch, or the answer to the oldest.
            const oldest = inFlight[0]?.then(() => undefined)
            const step: Step | undefined = await (oldest === undefined
              ? reading
              : Promise.race([reading, oldest]))
            if (step !== undefined) {
              if ('failed' in step) inFlight.push(quiet(Promise.reject(step.cause)))
              else if (!step.done) {
                const { batch } = step.value
                const outcome = quiet(take(batch, context))
                inFlight.push(outcome)
                // The next batch must not come between the parts of this one.
                if (needsParts(batch?.events ?? [])) await outcome.catch(() => {})
              }
              reading = 'failed' in step || step.done ? undefined : next()
              continue
            }
          }
          const outcomes = [await inFlight.shift()!]
          acked++
          yield { ackedBatches: acked, outcomes } satisfies IngestResponse
        }
      } finally {
        await iterator.return?.()
      }
    },
  }
}

/** What reading the requests gave. */
type Step = IteratorResult<DecodedRequest> | { failed: true; cause: unknown }

/** A promise that is awaited later, and must not count as unhandled until then. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** Refuses a batch that breaks a limit. */
export function checkBatch(batch: DecodedBatch | undefined): DecodedBatch {
  if (batch === undefined) throw invalidRequest([{ field: 'batch', description: 'is required' }])
  const violations = batchViolations(batch)
  if (batch.sent > MAX_BATCH_EVENTS) {
    const description = `must hold at most ${MAX_BATCH_EVENTS} events; got ${batch.sent}. Send it in parts`
    violations.push({ field: 'batch.events', description })
  }
  refuseViolations(violations)
  return batch
}

function outcomeOf(result: IngestResult, rpcStatus: (error: HoldfastError) => Status): BatchOutcome {
  return {
    source: result.source,
    epoch: BigInt(result.epoch),
    ackedSeq: BigInt(result.ackedSeq),
    gaps: result.gaps.map(([first, last]) => ({ first: BigInt(first), last: BigInt(last) })),
    refused: result.refused.map(({ index, id, seq, error }) => ({
      id,
      seq,
      index,
      status: rpcStatus(error),
    })),
    accepted: result.accepted,
    duplicates: result.duplicates,
    ledgerEpoch: result.ledgerEpoch,
    revision: result.revision,
  }
}
