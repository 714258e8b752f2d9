import type { IncomingMessage, ServerResponse } from 'node:http'
import { Metadata } from '@grpc/grpc-js'
import type { SurfaceCall } from '../open-call.ts'
import { HttpRefusal } from './http-refusal.ts'

const headersOfACall = ['authorization', 'holdfast-principal', 'x-request-id']

/** One request and its answer, in the shape that `OpenCall` takes. */
export class Exchange implements SurfaceCall {
  readonly request: IncomingMessage
  readonly metadata = new Metadata()
  readonly #response: ServerResponse
  readonly #peer: string
  readonly #deadlineMs: number
  #timer: NodeJS.Timeout | undefined

  /** `tokenHeader` may bring the bearer token as well. */
  constructor(request: IncomingMessage, response: ServerResponse, tokenHeader?: string) {
    this.request = request
    this.#response = response
    // Read now: a request whose body is left unread loses its socket.
    const { remoteAddress, remotePort } = request.socket
    this.#peer = `${remoteAddress}:${remotePort}`
    for (const name of headersOfACall) this.#copy(name, request.headers[name])
    if (tokenHeader !== undefined) this.#copy('authorization', request.headers[tokenHeader], 'Bearer ')
    const timeoutMs = /^\d{1,10}$/.exec(String(request.headers['connect-timeout-ms']))?.[0]
    this.#deadlineMs = timeoutMs === undefined ? Number.POSITIVE_INFINITY : Date.now() + Number(timeoutMs)
  }

  getPeer(): string {
    return this.#peer
  }

  getDeadline(): number {
    return this.#deadlineMs
  }

  /** Calls back when the client goes before its answer, or stops waiting for it. */
  on(_event: 'cancelled', listener: () => void): void {
    this.#response.once('close', () => {
      clearTimeout(this.#timer)
      if (!this.#response.writableFinished) listener()
    })
    const ms = this.#deadlineMs - Date.now()
    if (ms < 2 ** 31) this.#timer = setTimeout(listener, Math.max(0, ms))
  }

  /** The body, of at most so many bytes. */
  async body(maxBytes: number): Promise<Buffer> {
    const tooLong = () =>
      new HttpRefusal(413, `the body is longer than ${maxBytes} bytes; send it in smaller parts`)
    if (Number(this.request.headers['content-length']) > maxBytes) throw tooLong()
    const chunks: Buffer[] = []
    let length = 0
    for await (const chunk of this.request as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxBytes) throw tooLong()
      chunks.push(chunk)
    }
    return Buffer.concat(chunks, length)
  }

  /** Answers, unless the client has gone. */
  answer(status: number, body: Buffer | string, headers: Record<string, string>): void {
    clearTimeout(this.#timer)
    if (this.#response.headersSent || this.#response.destroyed) return
    // A body that was not read to its end would be taken for the next request.
    const unread = !this.request.complete
    this.#response.writeHead(status, {
      ...headers,
      'content-length': Buffer.byteLength(body),
      ...(unread && { connection: 'close' }),
    })
    this.#response.end(body)
  }

  /**
   * HTTP lets more through than the printable ASCII that `Metadata` takes. Such a value is copied as an empty one, which
   * nothing takes for an id, a name or a token: as if it were absent, its caller would be somebody else.
   */
  #copy(name: string, value: string | string[] | undefined, prefix = ''): void {
    if (typeof value !== 'string') return
    this.metadata.set(name, /^[ -~]*$/.test(value) ? prefix + value : '')
  }
}
