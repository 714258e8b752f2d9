import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js'
import type { Any } from '../../proto/gen/google/protobuf/any.ts'
import { BadRequest, ErrorInfo } from '../../proto/gen/google/rpc/error_details.ts'
import type { Event } from '../../proto/gen/holdfast/v1/event.ts'
import type {
  BatchOutcome,
  EventBatch,
  IngestBatchResponse,
  IngestRequest,
  IngestResponse,
} from '../../proto/gen/holdfast/v1/ingest_service.ts'
import type { Instant } from '../../server/src/domain/instant.ts'
import type { Clients } from '../harness/clients.ts'
import { note, type ReportOptions, report } from '../harness/reports.ts'
import { until } from '../harness/wait.ts'
import { called } from '../watch/reports.ts'

/** Which numbering of which source. */
export interface Numbering {
  source?: string
  epoch?: bigint
}

/** The time, or so many milliseconds from it. */
export const now = (offsetMs = 0): Instant => (BigInt(Date.now() + Math.round(offsetMs)) * 1000n) as Instant

export const batchOf = (events: Event[], { source = 'test', epoch = 1n }: Numbering = {}): EventBatch => ({
  source,
  epoch,
  events,
})

/** A note of now. */
export const noted = (text: string, options: ReportOptions = {}): Event =>
  note(text, { at: now(), ...options })

/** A start of now, of its own version. */
export const startedAs = (machine: string, version: string, options: ReportOptions = {}): Event =>
  report(
    'instanceStarted',
    { machine: { id: machine }, service: 'airship', version },
    { at: now(), ...options },
  )

/** Sends one batch. Rejects with the ServiceError. */
export async function ingest(
  clients: Pick<Clients, 'ingest'>,
  events: Event[],
  numbering?: Numbering,
): Promise<BatchOutcome> {
  const batch = batchOf(events, numbering)
  const { outcome } = await called<IngestBatchResponse>((done) => clients.ingest.ingestBatch({ batch }, done))
  return outcome!
}

/** A raw Ingest stream, and all that came of it. */
export class IngestCall implements Disposable {
  readonly answers: IngestResponse[] = []
  readonly call: ClientDuplexStream<IngestRequest, IngestResponse>
  #ended = false
  #error: ServiceError | undefined

  constructor({ ingest }: Pick<Clients, 'ingest'>) {
    this.call = ingest.ingest()
    this.call.on('data', (answer: IngestResponse) => this.answers.push(answer))
    this.call.on('error', (error: ServiceError) => {
      this.#error = error
      this.#ended = true
    })
    this.call.on('end', () => {
      this.#ended = true
    })
  }

  get ended(): boolean {
    return this.#ended
  }

  get ackedBatches(): bigint {
    return this.answers.at(-1)?.ackedBatches ?? 0n
  }

  get outcomes(): BatchOutcome[] {
    return this.answers.flatMap(({ outcomes }) => outcomes)
  }

  send(events: Event[], numbering?: Numbering): void {
    this.call.write({ batch: batchOf(events, numbering) })
  }

  /** Waits until so many batches are acknowledged. Fails when the stream ends before. */
  async acked(batches: number): Promise<void> {
    await until(`${batches} acknowledged batches`, () => {
      if (this.ackedBatches >= BigInt(batches)) return true
      if (this.#ended) throw this.#error ?? new Error(`the stream ended after ${this.ackedBatches} batches`)
      return false
    })
  }

  /** Half-closes, and waits until the server has answered everything. */
  async finished(): Promise<BatchOutcome[]> {
    this.call.end()
    await until('the end of the stream', () => this.#ended)
    if (this.#error !== undefined) throw this.#error
    return this.outcomes
  }

  /** Waits for the error that ends the stream. */
  failed(): Promise<ServiceError> {
    return until('the stream to fail', () => this.#error)
  }

  [Symbol.dispose](): void {
    this.call.cancel()
  }
}

/** The reasons of what a batch refused, by its place in the batch. */
export const reasonsOf = ({ refused }: BatchOutcome): Record<number, string> =>
  Object.fromEntries(refused.map(({ index, status }) => [index, reasonIn(status!.details)]))

/** The fields that a refusal names. */
export const fieldsOf = (details: Any[]): string[] =>
  details
    .filter(({ typeUrl }) => typeUrl.endsWith('google.rpc.BadRequest'))
    .flatMap(({ value }) => BadRequest.decode(value).fieldViolations.map(({ field }) => field))

function reasonIn(details: Any[]): string {
  const info = details.find(({ typeUrl }) => typeUrl.endsWith('google.rpc.ErrorInfo'))
  return ErrorInfo.decode(info!.value).reason
}
