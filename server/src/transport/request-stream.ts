import { refusal, Undecodable } from './undecodable.ts'

/** The reading side of a grpc-js call. */
export interface ReadableCall {
  read(): unknown
  on(event: 'readable' | 'end', listener: () => void): unknown
}

interface Waiting<Request> {
  resolve(step: IteratorResult<Request> | Promise<IteratorResult<Request>>): void
}

/**
 * The requests of a stream. Reads ahead of its consumer by one message at most: the rest waits in the
 * client, behind HTTP/2 flow control.
 *
 * - Ends when the client half-closes, or after `finish()`. A client on Node that cancels a call half-closes it
 *   first and resets it in a later packet, so an end does not prove that the client meant it.
 * - Throws the signal's reason once it aborts, and INVALID_REQUEST at a message that is not valid protobuf.
 */
export class RequestStream<Request> implements AsyncIterableIterator<Request> {
  readonly #call: ReadableCall
  readonly #signal: AbortSignal
  readonly #waiting: Waiting<Request>[] = []
  #listening = false
  #halfClosed = false
  #done = false

  constructor(call: ReadableCall, signal: AbortSignal) {
    this.#call = call
    this.#signal = signal
    readAheadByOne(call)
    signal.addEventListener('abort', this.#settle, { once: true })
  }

  next(): Promise<IteratorResult<Request>> {
    this.#listen()
    const step = this.#waiting.length === 0 ? this.#take() : undefined
    return step ?? new Promise((resolve) => this.#waiting.push({ resolve }))
  }

  /** The consumer wants no more. What the client still sends is dropped when the call ends. */
  return(): Promise<IteratorResult<Request>> {
    this.#done = true
    this.#settle()
    return Promise.resolve(end)
  }

  /** Ends the requests as if the client had. False when they had ended before. */
  finish(): boolean {
    if (this.#done || this.#halfClosed) return false
    void this.return()
    return true
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** Nothing is read before the first `next()`. */
  #listen(): void {
    if (this.#listening) return
    this.#listening = true
    this.#call.on('readable', this.#settle)
    this.#call.on('end', this.#onEnd)
  }

  /**
   * Node ends the readable side of a stream whose connection breaks, too, and says some ticks later that the
   * stream was cancelled. An end is taken for a half-close when no cancellation follows.
   */
  readonly #onEnd = (): void => {
    setImmediate(() => {
      this.#halfClosed = true
      this.#settle()
    })
  }

  readonly #settle = (): void => {
    while (this.#waiting.length > 0) {
      const step = this.#take()
      if (step === undefined) return
      this.#waiting.shift()!.resolve(step)
    }
  }

  #take(): Promise<IteratorResult<Request>> | undefined {
    if (this.#signal.aborted) return Promise.reject(this.#signal.reason)
    if (this.#done) return Promise.resolve(end)
    const message = this.#call.read() as Request | Undecodable | null
    if (message === null) return this.#halfClosed ? Promise.resolve(end) : undefined
    if (!(message instanceof Undecodable)) return Promise.resolve({ done: false, value: message })
    this.#done = true
    return Promise.reject(refusal(message))
  }
}

const end: IteratorReturnResult<undefined> = { done: true, value: undefined }

/**
 * grpc-js makes its streams with Node's default of 16 objects to read ahead, which at 4 MiB a message is
 * 64 MiB a stream, and takes no option for it. The field is Node's own and writable, though not typed.
 */
function readAheadByOne(call: ReadableCall): void {
  const state = (call as { _readableState?: { highWaterMark: number } })._readableState
  if (state !== undefined) state.highWaterMark = 1
}
