import type { BatchWriter, NumberedEvent } from './event-batch.ts'
import type { Acknowledged } from './ingest-options.ts'

/** Who waits for an event to be settled. */
export interface Waiter {
  resolve(acknowledged: Acknowledged): void
  reject(error: Error): void
}

/** A batch whose bytes are final. */
export interface SealedBatch {
  bytes: Buffer<ArrayBuffer>
  events: number
  lastSeq: number
  /** By seq; most events have none. */
  waiters: Map<number, Waiter> | undefined
}

/** More would come near the 4 MiB of the contract with an event of 1 MiB on top. */
const maxBatchBytes = 1024 * 1024
const maxEventBytes = 1024 * 1024

/**
 * The events of a stream that are not settled, in order: batches whose bytes are final, the first of which are
 * sent, then one that is being gathered. Bounded. Pure bookkeeping: no sockets, no timers.
 */
export class SendQueue {
  readonly #writer: BatchWriter
  readonly #maxBatchEvents: number
  readonly #maxInFlight: number
  readonly #sealed: SealedBatch[] = []
  #sent = 0
  #lastSeq = 0
  #waiters: Map<number, Waiter> | undefined

  constructor(writer: BatchWriter, limits: { maxBatchEvents: number; maxInFlight: number }) {
    this.#writer = writer
    this.#maxBatchEvents = limits.maxBatchEvents
    this.#maxInFlight = limits.maxInFlight
  }

  /** True when another event may be added. */
  get hasRoom(): boolean {
    return !this.isFull || this.#sealed.length < this.#maxInFlight
  }

  /** True when nothing is unsettled. */
  get isEmpty(): boolean {
    return this.#sealed.length === 0 && this.#writer.events === 0
  }

  /** Batches sent on this call and not settled. */
  get inFlight(): number {
    return this.#sent
  }

  /**
   * Adds an event. Only when there is room. Adds nothing when it throws.
   *
   * @throws what the encoder says of a payload that is not one; RangeError when it is above 1 MiB.
   */
  add(event: NumberedEvent, waiter: Waiter | undefined): void {
    const writer = this.#writer
    if (this.isFull) this.#seal()
    const bytes = writer.append(event)
    if (bytes > maxEventBytes) {
      writer.takeBack(bytes)
      throw new RangeError(`an event may take 1 MiB; this one takes ${bytes} bytes`)
    }
    this.#lastSeq = event.seq
    if (waiter === undefined) return
    this.#waiters ??= new Map()
    this.#waiters.set(event.seq, waiter)
  }

  /**
   * The next batch to send now, marked as sent; undefined when there is none. A batch that is not full goes out
   * only when nothing is in flight: what comes while a batch is under way is gathered behind it.
   */
  take(): SealedBatch | undefined {
    if (this.#sent === this.#sealed.length) {
      const due = this.isFull ? this.#sealed.length < this.#maxInFlight : this.#sent === 0
      if (this.#writer.events === 0 || !due) return undefined
      this.#seal()
    }
    return this.#sealed[this.#sent++]
  }

  /** The first batch sent is settled. Undefined when none was. */
  settle(): SealedBatch | undefined {
    if (this.#sent === 0) return undefined
    this.#sent--
    const batch = this.#sealed.shift()
    // Settled means that every byte was read, on this call: the transport keeps nothing of it.
    if (batch) this.#writer.recycle(batch.bytes)
    return batch
  }

  /** The call is gone: everything unsettled is to be sent again, in the same order and the same batches. */
  rewind(): void {
    this.#sent = 0
  }

  /** Gives up everything that is unsettled. */
  abandon(error: Error): void {
    const waiters = [...this.#sealed.map((batch) => batch.waiters), this.#waiters]
    if (this.#writer.events > 0) this.#seal()
    this.#sealed.length = 0
    this.#sent = 0
    for (const map of waiters) for (const waiter of map?.values() ?? []) waiter.reject(error)
  }

  /** True when the batch that is being gathered takes no more. */
  get isFull(): boolean {
    return this.#writer.events >= this.#maxBatchEvents || this.#writer.bytes >= maxBatchBytes
  }

  #seal(): void {
    const { events } = this.#writer
    const bytes = this.#writer.seal()
    this.#sealed.push({ bytes, events, lastSeq: this.#lastSeq, waiters: this.#waiters })
    this.#waiters = undefined
  }
}
