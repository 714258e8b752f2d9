import type { CallOptions } from './connect-options.ts'
import type { Connection } from './connection.ts'
import { Delivery } from './delivery.ts'
import { ClientClosedError, DeadlineExceededError, InvalidRequestError } from './errors.ts'
import { BatchWriter } from './event-batch.ts'
import type { OutgoingEvent } from './event-options.ts'
import type { Acknowledged, IngestStats, IngestStreamOptions } from './ingest-options.ts'
import { abortable, longestTimerMs, onAbort } from './pause.ts'
import { SendQueue, type Waiter } from './send-queue.ts'
import { uuidV7 } from './uuid.ts'

type SendOptions = Pick<CallOptions, 'signal'>
type WaitOptions = Omit<CallOptions, 'maxAttempts'>

interface BlockedSend {
  event: OutgoingEvent
  waiter: Waiter | undefined
  resolve(): void
  reject(error: Error): void
  settled: Promise<void>
}

interface Flush {
  /** Done when as many events are settled. */
  acked: number
  resolve(): void
  reject(error: Error): void
}

const ready = Promise.resolve()

/**
 * A stream of many events to the server.
 *
 * Events are encoded when they are sent, gathered while earlier ones are under way, and acknowledged when they
 * are durable. When the connection is lost the stream opens another one and sends again all that was not
 * acknowledged, in the same order: nothing is lost while this process lives, and the server counts nothing
 * twice. The server folds the events of a stream in the order in which they were sent.
 *
 * An open stream keeps the process alive; close it.
 */
export class IngestStream implements AsyncDisposable {
  readonly #connection: Connection
  readonly #options: IngestStreamOptions
  readonly #delivery: Delivery
  readonly #blocked: BlockedSend[] = []
  #flushes: Flush[] = []
  #nextSeq: number
  #closing: Promise<void> | undefined
  #failure: Error | undefined
  #failureTold = false

  /** @internal */
  constructor(connection: Connection, options: IngestStreamOptions & { source: string }) {
    const { maxBatchEvents = 1000, maxInFlight = 8, firstSeq = 1, epoch = newEpoch() } = options
    if (!(maxBatchEvents >= 1 && maxBatchEvents <= 5000)) {
      throw new RangeError(`maxBatchEvents must be from 1 to 5,000, not ${maxBatchEvents}`)
    }
    if (!(maxInFlight >= 1)) throw new RangeError(`maxInFlight must be at least 1, not ${maxInFlight}`)
    this.#connection = connection
    this.#options = options
    this.#nextSeq = firstSeq
    const queue = new SendQueue(new BatchWriter(options.source, epoch), { maxBatchEvents, maxInFlight })
    this.#delivery = new Delivery(connection, queue, {
      settled: () => this.#settled(),
      refused: options.onRefused ?? ((error) => connection.logger.warn(error.metadata, error.message)),
      failed: (error) => this.#fail(error),
    })
  }

  /** What the stream has done so far. A copy. */
  get stats(): IngestStats {
    return { ...this.#delivery.stats }
  }

  /**
   * Takes an event. Resolves at once while there is room, and else when there is again: await it, and a server
   * that is slower than you slows you down. That it resolves does not say that the event is durable: see
   * {@link flush} and {@link sendAndWait}. The signal takes back an event that waits for room.
   *
   * @throws InvalidRequestError when the event cannot be encoded or is above 1 MiB; ClientClosedError after
   * {@link close}; what ended the stream, when the server refused it.
   */
  send(event: OutgoingEvent, options: SendOptions = {}): Promise<void> {
    return this.#send(event, undefined, options.signal)
  }

  /**
   * Takes an event, and resolves when it is durable and can be read. The signal ends the wait, and takes back an event
   * that waits for room; one that is under way may land.
   *
   * @throws EventRefusedError when the server will never take it; otherwise as {@link send}.
   */
  async sendAndWait(event: OutgoingEvent, options: SendOptions = {}): Promise<Acknowledged> {
    const acknowledged = new Promise<Acknowledged>((resolve, reject) => {
      this.#send(event, { resolve, reject }, options.signal).catch(reject)
    })
    return await abortable(acknowledged, options.signal)
  }

  /**
   * Resolves when all events sent before are settled: durable, or refused for good.
   *
   * @throws DeadlineExceededError after `timeoutMs`; what ended the stream, if it ends before.
   */
  async flush(options: WaitOptions = {}): Promise<void> {
    const { signal, timeoutMs } = options
    signal?.throwIfAborted()
    const limit = new AbortController()
    const forget = onAbort(signal, () => limit.abort(signal?.reason))
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => limit.abort(), Math.min(timeoutMs, longestTimerMs))
    try {
      await this.#settlement(limit.signal)
    } catch (error) {
      throw error === limit.signal.reason && !signal?.aborted ? this.#late(timeoutMs) : error
    } finally {
      forget()
      clearTimeout(timer)
    }
  }

  /**
   * Takes no more events, waits until all are settled, and ends the stream. Again: the same promise.
   *
   * @param options.timeoutMs how long to wait. @defaultValue that of the client
   * @throws DeadlineExceededError when that is over: what is unacknowledged then may or may not have landed;
   * what ended the stream, when no call has told yet.
   */
  close(options: WaitOptions = {}): Promise<void> {
    this.#closing ??= this.#close(options)
    return this.#closing
  }

  /** {@link close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(options: WaitOptions): Promise<void> {
    if (this.#failure && this.#failureTold) return
    try {
      await this.flush({ timeoutMs: this.#connection.timeoutMs, ...options })
    } finally {
      this.#delivery.end()
      this.#give(new ClientClosedError('the stream was closed before this event was sent'))
    }
  }

  #send(event: OutgoingEvent, waiter: Waiter | undefined, signal: AbortSignal | undefined): Promise<void> {
    const refusal = this.#refusal()
    if (refusal) return Promise.reject(refusal)
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (this.#blocked.length > 0 || !this.#delivery.hasRoom) return this.#block(event, waiter, signal)
    try {
      this.#add(event, waiter)
      // One promise for all: this is called a hundred thousand times a second.
      return ready
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Why nothing can be sent any more, if so. */
  #refusal(): Error | undefined {
    if (this.#failure) {
      this.#failureTold = true
      return this.#failure
    }
    if (this.#connection.closed) return new ClientClosedError()
    return this.#closing ? new ClientClosedError('this stream is closed') : undefined
  }

  #add(event: OutgoingEvent, waiter: Waiter | undefined): void {
    const seq = event.seq ?? this.#nextSeq
    if (!Number.isSafeInteger(seq) || seq < this.#nextSeq) {
      throw invalid(`seq ${seq} is not a whole number from ${this.#nextSeq} on: numbers rise along a stream`)
    }
    const occurredMs = event.occurredAt === undefined ? Date.now() : event.occurredAt.getTime()
    try {
      this.#delivery.add({ id: event.id ?? uuidV7(), seq, occurredMs, payload: event.payload }, waiter)
    } catch (cause) {
      throw invalid(cause instanceof Error ? cause.message : String(cause), cause)
    }
    this.#nextSeq = seq + 1
  }

  async #block(
    event: OutgoingEvent,
    waiter: Waiter | undefined,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const blocked = blockedSend(event, waiter)
    this.#blocked.push(blocked)
    const forget = onAbort(signal, () => {
      const index = this.#blocked.indexOf(blocked)
      if (index >= 0) this.#blocked.splice(index, 1)
      blocked.reject(signal?.reason)
    })
    try {
      await blocked.settled
    } finally {
      forget()
    }
  }

  #unblock({ event, waiter, resolve, reject }: BlockedSend): void {
    try {
      this.#add(event, waiter)
      resolve()
    } catch (error) {
      reject(error as Error)
    }
  }

  #settled(): void {
    const { acked, ackedSeq } = this.#delivery.stats
    this.#options.onAcked?.(ackedSeq)
    while (this.#blocked.length > 0 && this.#delivery.hasRoom) this.#unblock(this.#blocked.shift()!)
    if (this.#flushes.length === 0) return
    for (const flush of this.#flushes) if (flush.acked <= acked) flush.resolve()
    this.#flushes = this.#flushes.filter((flush) => flush.acked > acked)
  }

  /** Resolves when everything sent before is settled; rejects with the reason of the limit when that is first. */
  async #settlement(limit: AbortSignal): Promise<void> {
    await abortable(Promise.allSettled(this.#blocked.map(({ settled }) => settled)), limit)
    if (this.#failure) throw this.#refusal()
    const { sent, acked } = this.#delivery.stats
    if (acked >= sent) return
    let flush: Flush | undefined
    const settled = new Promise<void>((resolve, reject) => {
      flush = { acked: sent, resolve, reject }
      this.#flushes.push(flush)
    })
    try {
      await abortable(settled, limit)
    } finally {
      // Nobody hears by it of a failure that comes later.
      this.#flushes = this.#flushes.filter((other) => other !== flush)
    }
  }

  #late(timeoutMs: number | undefined): DeadlineExceededError {
    const { sent, acked } = this.#delivery.stats
    const text = `${sent - acked} of ${sent} events were not acknowledged within ${timeoutMs} ms`
    return new DeadlineExceededError(text, { code: 'DEADLINE_EXCEEDED', reason: 'FLUSH_TIMED_OUT' })
  }

  #fail(error: Error): void {
    this.#failure = error
    this.#give(error)
  }

  /** Gives up on all that waits here. */
  #give(error: Error): void {
    for (const blocked of this.#blocked.splice(0)) blocked.reject(error)
    for (const flush of this.#flushes.splice(0)) {
      this.#failureTold = true
      flush.reject(error)
    }
  }
}

function blockedSend(event: OutgoingEvent, waiter: Waiter | undefined): BlockedSend {
  let resolve!: () => void
  let reject!: (error: Error) => void
  const settled = new Promise<void>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { event, waiter, resolve, reject, settled }
}

function invalid(detail: string, cause?: unknown): InvalidRequestError {
  return new InvalidRequestError(detail, { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', cause })
}

let lastEpoch = 0n

/** Above every epoch of this process, and above those of earlier ones as far as the clock rises. */
function newEpoch(): bigint {
  const now = BigInt(Date.now()) * 1000n
  lastEpoch = now > lastEpoch ? now : lastEpoch + 1n
  return lastEpoch
}
