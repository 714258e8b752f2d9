import type { BatchOutcome, IngestResponse } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { IngestServiceDefinition } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import type { Connection } from './connection.ts'
import { ClientClosedError, type EventRefusedError, HoldfastError } from './errors.ts'
import type { NumberedEvent } from './event-batch.ts'
import type { IngestStats } from './ingest-options.ts'
import { type IngestSignal, type IngestState, nextIngestState } from './ingest-state.ts'
import { Reopening } from './reopening.ts'
import type { Revision } from './revision.ts'
import { rpc } from './rpc.ts'
import type { SendQueue, Waiter } from './send-queue.ts'
import { errorOfRefusedEvent, errorOfStatus, type FailedStatus, localStatus } from './status.ts'
import type { StreamCall } from './stream-call.ts'

const ingest = rpc(IngestServiceDefinition, IngestServiceDefinition.methods.ingest)

/** Who hears of what becomes of events. */
export interface DeliveryListener {
  /** Some more events are settled; there may be room again. */
  settled(): void
  /** An event is refused for good. */
  refused(error: EventRefusedError): void
  /** Nothing more will be delivered. */
  failed(error: Error): void
}

/**
 * Brings the events of a queue to the server: opens a call when there is something to send, another one when
 * that is lost, and sends again what was not acknowledged. What {@link IngestStream} promises about the network
 * is kept here.
 */
export class Delivery {
  readonly stats: IngestStats = {
    sent: 0,
    acked: 0,
    refused: 0,
    duplicates: 0,
    reconnects: 0,
    ackedSeq: 0,
    revision: undefined,
    ledgerEpoch: undefined,
  }
  readonly #connection: Connection
  readonly #queue: SendQueue
  readonly #listener: DeliveryListener
  readonly #reopening: Reopening
  readonly #ender = new AbortController()
  #state: IngestState = 'idle'
  #call: StreamCall<IngestResponse> | undefined
  #ackedOnCall = 0
  #running = false
  #scheduled = false

  constructor(connection: Connection, queue: SendQueue, listener: DeliveryListener) {
    this.#connection = connection
    this.#queue = queue
    this.#listener = listener
    this.#reopening = new Reopening(connection.tokens)
  }

  /** True when another event may be added. */
  get hasRoom(): boolean {
    return this.#queue.hasRoom
  }

  /** Adds an event, and sees to its delivery. Throws as {@link SendQueue.add}. */
  add(event: NumberedEvent, waiter: Waiter | undefined): void {
    this.#queue.add(event, waiter)
    this.stats.sent++
    if (this.#state === 'idle') {
      this.#move('send')
      if (!this.#running) void this.#run()
    } else if (this.#queue.isFull) {
      this.#pump()
    } else if (this.#queue.inFlight === 0) {
      this.#schedule()
    }
  }

  /** Ends the delivery, and gives up what is unsettled. Final. */
  end(): void {
    if (this.#state === 'ended') return
    this.#move('end')
    this.#ender.abort()
    if (this.#queue.isEmpty) this.#call?.finish()
    else this.#call?.cancel()
    this.#queue.abandon(new ClientClosedError('the stream was closed before this event was acknowledged'))
  }

  /** Opens one call after the other until there is nothing to do. Never rejects. */
  async #run(): Promise<void> {
    this.#running = true
    try {
      while (this.#state === 'streaming') await this.#recover(await this.#deliver())
    } catch (error) {
      if (this.#state === 'ended') return
      this.#move('refuse')
      this.#call?.cancel()
      this.#queue.abandon(error as Error)
      this.#listener.failed(error as Error)
    } finally {
      this.#running = false
    }
  }

  /** Sends through one call and reads its acknowledgements, until it ends. */
  async #deliver(): Promise<FailedStatus> {
    const call = await this.#connection.open(ingest)
    this.#call = call
    this.#ackedOnCall = 0
    // Ended while the call was being opened.
    if (this.#state !== 'streaming') call.cancel()
    this.#schedule()
    for (;;) {
      const received = await call.next()
      if (received.done) {
        this.#call = undefined
        this.#queue.rewind()
        return received.status ?? localStatus('UNAVAILABLE', 'the server ended the stream')
      }
      this.#settle(received.message)
    }
  }

  async #recover(status: FailedStatus): Promise<void> {
    if (this.#state !== 'streaming') return
    if (this.#connection.closed) throw new ClientClosedError()
    const delayMs = this.#reopening.delayMs(status)
    if (delayMs === undefined) throw errorOfStatus(status)
    if (this.#queue.isEmpty) {
      this.#move('rest')
      return
    }
    this.#move('drop')
    this.stats.reconnects++
    const { logger } = this.#connection
    logger.warn({ status: status.text, delayMs }, 'an ingest stream was cut off; opening it again')
    await this.#connection.rest(delayMs, this.#ender.signal)
    this.#move('retry')
  }

  #settle({ ackedBatches, outcomes }: IngestResponse): void {
    const refusals = new Map<number, Error>()
    for (const outcome of outcomes) this.#note(outcome, refusals)
    const { revision = 0n as Revision, ledgerEpoch = 0n } = this.stats
    for (; this.#ackedOnCall < Number(ackedBatches); this.#ackedOnCall++) {
      const batch = this.#queue.settle()
      if (batch === undefined) throw unsent()
      this.stats.acked += batch.events
      this.stats.ackedSeq = batch.lastSeq
      for (const [seq, waiter] of batch.waiters ?? []) {
        const refusal = refusals.get(seq)
        if (refusal) waiter.reject(refusal)
        else waiter.resolve({ revision, ledgerEpoch })
      }
    }
    this.#reopening.heard()
    this.#listener.settled()
    this.#pump()
  }

  /** Takes down what became of some batches; fills `refusals` by seq. */
  #note(outcome: BatchOutcome, refusals: Map<number, Error>): void {
    this.stats.duplicates += outcome.duplicates
    this.stats.refused += outcome.refused.length
    this.stats.revision = outcome.revision as Revision
    this.stats.ledgerEpoch = outcome.ledgerEpoch
    for (const refused of outcome.refused) {
      const error = errorOfRefusedEvent(refused)
      refusals.set(Number(refused.seq), error)
      this.#listener.refused(error)
    }
  }

  /** Sends after the current turn of the event loop, so that what is sent in one go goes out as one batch. */
  #schedule(): void {
    if (this.#scheduled || this.#call === undefined) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    const call = this.#call
    if (call === undefined) return
    for (let batch = this.#queue.take(); batch; batch = this.#queue.take()) call.write(batch.bytes)
  }

  #move(signal: IngestSignal): void {
    this.#state = nextIngestState(this.#state, signal)
  }
}

function unsent(): HoldfastError {
  return new HoldfastError('the server acknowledged a batch that was not sent', {
    code: 'INTERNAL',
    reason: 'OUT_OF_ORDER',
  })
}
