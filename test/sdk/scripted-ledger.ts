import type { ServerDuplexStream } from '@grpc/grpc-js'
import type { Event } from '../../proto/gen/holdfast/v1/event.ts'
import {
  type EventBatch,
  type IngestRequest,
  IngestResponse,
  type RefusedEvent,
} from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { refusal } from './scripted-peer.ts'

type Call = ServerDuplexStream<IngestRequest, IngestResponse>

/** How a stream is cut: after so many batches acknowledged, and at most so many stored. */
export interface Cut {
  acked: number
  stored: number
}

/** The receiving end of ingest streams as the contract has it: stores each event once, by its id. */
export class ScriptedLedger {
  /** Every batch that came, also those that were sent again. */
  readonly batches: EventBatch[] = []
  /** Each event once, in the order of its first arrival. */
  readonly events: Event[] = []
  readonly #ids = new Set<string>()
  readonly #cuts: Cut[]
  readonly #refuse: (event: Event) => boolean
  calls = 0

  constructor(options: { cuts?: Cut[]; refuse?: (event: Event) => boolean } = {}) {
    this.#cuts = options.cuts ?? []
    this.#refuse = options.refuse ?? (() => false)
  }

  /** One stream. It is cut as the script says; streams beyond the script are not. */
  readonly ingest = (call: Call): void => {
    const cut = this.#cuts[this.calls++]
    let stored = 0
    call.on('data', ({ batch }: IngestRequest) => {
      if (cut && stored >= cut.stored) return
      const outcome = this.#store(batch!)
      stored++
      if (!cut || stored <= cut.acked) {
        const response = { ackedBatches: BigInt(stored), outcomes: [outcome] }
        call.write(IngestResponse.fromPartial(response))
      }
      if (cut && stored === cut.stored) this.#fail(call)
      // Fewer may come than the script would store: then the cut comes all the same. But what is in the socket is read
      // first, since after a stop of this process timers are early.
      else if (cut && stored > cut.acked) setTimeout(() => setImmediate(() => this.#fail(call)), 20)
    })
    call.on('end', () => call.end())
    if (cut?.stored === 0) this.#fail(call)
  }

  #fail(call: Call): void {
    call.emit('error', refusal('UNAVAILABLE', 'cut'))
  }

  #store(batch: EventBatch) {
    this.batches.push(batch)
    const refused: RefusedEvent[] = []
    let duplicates = 0
    batch.events.forEach((event, index) => {
      if (this.#refuse(event)) {
        const status = { code: 3, message: 'this one is not taken', details: [] }
        refused.push({ id: event.id, seq: event.seq, index, status })
      } else if (this.#ids.has(event.id)) {
        duplicates++
      } else {
        this.#ids.add(event.id)
        this.events.push(event)
      }
    })
    const revision = BigInt(this.events.length)
    return { source: batch.source, epoch: batch.epoch, refused, duplicates, ledgerEpoch: 1n, revision }
  }
}
