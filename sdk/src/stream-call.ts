import type { ClientDuplexStream, ClientReadableStream } from '@grpc/grpc-js'
import { type FailedStatus, failedStatus } from './status.ts'

/** What a stream gives: a message, or how it ended (`status` undefined: well). */
export type Received<Response> =
  | { done: false; message: Response }
  | { done: true; status: FailedStatus | undefined }

type Call<Response> = ClientReadableStream<Response> | ClientDuplexStream<Buffer, Response>

/**
 * One open stream, read by pulling: nothing is read from the socket beyond a bounded buffer unless somebody
 * asks, and HTTP/2 flow control does the rest. Messages that came before the end are given before the end.
 */
export class StreamCall<Response> {
  readonly #call: Call<Response> | undefined
  #ended: { status: FailedStatus | undefined } | undefined
  #wake: (() => void) | undefined

  /** @param call the call, or how it failed before it began. */
  constructor(call: Call<Response> | FailedStatus) {
    if ('code' in call) {
      this.#ended = { status: call }
      return
    }
    this.#call = call
    const wake = (): void => this.#wake?.()
    call.on('readable', wake)
    call.on('error', (error: Error & { code?: number; details?: string }) => {
      this.#end(failedStatus({ ...error, code: error.code ?? 2, details: error.details ?? error.message }))
    })
    call.on('status', (status) => this.#end(status.code === 0 ? undefined : failedStatus(status)))
  }

  /** The next message, or the end; the end again when called after it. One call at a time. */
  async next(): Promise<Received<Response>> {
    for (;;) {
      const message: Response | null | undefined = this.#call?.read()
      if (message !== null && message !== undefined) return { done: false, message }
      if (this.#ended) return { done: true, status: this.#ended.status }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }

  /** Sends bytes as one message. */
  write(bytes: Buffer): void {
    const call = this.#call as ClientDuplexStream<Buffer, Response>
    if (!this.#ended) call.write(bytes)
  }

  /** Says that nothing more is sent. */
  finish(): void {
    const call = this.#call as ClientDuplexStream<Buffer, Response>
    if (!this.#ended) call.end()
  }

  /** Ends the call at the server too, and a `next()` that waits. */
  cancel(status?: FailedStatus): void {
    if (this.#ended) return
    this.#end(status)
    this.#call?.cancel()
  }

  #end(status: FailedStatus | undefined): void {
    this.#ended ??= { status }
    this.#wake?.()
  }
}
