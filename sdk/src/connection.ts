import { type Client, connectivityState as channelStates, type Metadata } from '@grpc/grpc-js'
import { type ChannelOptions, openChannel } from './channel.ts'
import type { CallOptions } from './connect-options.ts'
import { type ConnectionSignal, type ConnectionState, nextConnectionState } from './connection-state.ts'
import { ClientClosedError, InvalidRequestError } from './errors.ts'
import { type Logger, silentLogger } from './logger.ts'
import { longestTimerMs, onAbort, pause } from './pause.ts'
import { retryDelayMs } from './retry.ts'
import type { Rpc } from './rpc.ts'
import { type FailedStatus, failedStatus, localStatus } from './status.ts'
import { StreamCall } from './stream-call.ts'
import { TokenSource } from './token-source.ts'

const signalOf: Record<number, ConnectionSignal> = {
  [channelStates.IDLE]: 'rest',
  [channelStates.CONNECTING]: 'dial',
  [channelStates.READY]: 'connect',
  [channelStates.TRANSIENT_FAILURE]: 'fail',
  [channelStates.SHUTDOWN]: 'close',
}

type Answer<Response> = { ok: true; response: Response } | { ok: false; status: FailedStatus }

/** One channel to a server, with what every call on it needs: token, deadline, retries, cancellation. */
export class Connection {
  readonly address: string
  readonly timeoutMs: number
  readonly logger: Logger
  /** What this connection was made with. */
  readonly options: ChannelOptions
  /** Shared with those that were made of this one. */
  readonly tokens: TokenSource
  readonly #client: Client
  readonly #endings = new Set<() => void>()
  #state: ConnectionState = 'idle'

  constructor(options: ChannelOptions, tokens = new TokenSource(options.token)) {
    this.options = options
    this.tokens = tokens
    const channel = openChannel(options)
    this.#client = channel.client
    this.address = channel.address.text
    this.timeoutMs = options.timeoutMs ?? 10_000
    this.logger = options.logger ?? silentLogger
    if (channel.exposed && options.token !== undefined) {
      this.logger.warn({ address: this.address }, 'the token is sent without TLS')
    }
    this.#follow()
  }

  /** Another connection to the same place, over a socket of its own. */
  another(): Connection {
    return new Connection({ ...this.options, ownSocket: true }, this.tokens)
  }

  /** Where the connection stands. */
  get state(): ConnectionState {
    return this.#state
  }

  /** True after {@link close}. */
  get closed(): boolean {
    return this.#state === 'closed'
  }

  /** Ends every call with {@link ClientClosedError} and lets go of the process. Again: does nothing. */
  close(): void {
    if (this.closed) return
    this.#move('close')
    for (const end of [...this.#endings]) end()
    this.#client.close()
  }

  /** Calls back at {@link close}; soon when that was before. Returns what takes the registration back. */
  onClose(end: () => void): () => void {
    if (this.closed) {
      queueMicrotask(end)
      return () => {}
    }
    this.#endings.add(end)
    return () => this.#endings.delete(end)
  }

  /**
   * Calls a unary method, and again while the server is UNAVAILABLE and the contract lets it.
   *
   * @throws HoldfastError of the last attempt; the signal's own reason when it was aborted.
   */
  async unary<Request, Response>(
    rpc: Rpc<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    const { signal, timeoutMs = this.timeoutMs, maxAttempts = 5 } = options
    const deadline = performance.now() + timeoutMs
    const body = encoded(rpc, request)
    let last: FailedStatus | undefined
    let renewed = false
    for (let attempts = 1; ; attempts++) {
      this.#check(signal)
      const answer = await this.#attempt(rpc, body, Date.now() + deadline - performance.now(), signal)
      this.#check(signal)
      if (answer.ok) return answer.response
      if (answer.status.code === 'UNAUTHENTICATED' && this.tokens.renewable && !renewed) {
        renewed = true
        this.tokens.discard()
        continue
      }
      const { idempotencyLevel } = rpc
      const remainingMs = deadline - performance.now()
      const attempted = { status: answer.status, idempotencyLevel, attempts, maxAttempts, remainingMs }
      const delay = retryDelayMs({ ...attempted, random: Math.random() })
      if (delay === undefined) {
        throw rpc.errorOf(answer.status, this.#explain(rpc.name, answer.status, attempts, timeoutMs, last))
      }
      last = answer.status
      this.logger.debug({ method: rpc.name, attempts, delayMs: delay, status: last.text }, 'retrying a call')
      await this.rest(delay, signal)
    }
  }

  /**
   * Opens a stream: bidirectional without `request`. It ends with UNAVAILABLE when there is no token to be had,
   * or the server is not reached within `timeoutMs`. The signal ends the wait for a token, and not the stream.
   *
   * @throws ClientClosedError; the signal's own reason.
   */
  async open<Request, Response>(
    rpc: Rpc<Request, Response>,
    request?: Request,
    signal?: AbortSignal,
  ): Promise<StreamCall<Response>> {
    this.#check(signal)
    const metadata = await this.#identify(this.timeoutMs, signal).catch((error: Error) => error)
    this.#check(signal)
    if (metadata === undefined || metadata instanceof Error) {
      return new StreamCall(
        localStatus('UNAVAILABLE', metadata?.message ?? 'the token function took too long'),
      )
    }
    const decode = (bytes: Buffer): Response => rpc.decode(bytes)
    const raw =
      request === undefined
        ? this.#client.makeBidiStreamRequest(rpc.path, asItIs, decode, metadata)
        : this.#client.makeServerStreamRequest(rpc.path, asItIs, decode, encoded(rpc, request), metadata)
    const call = new StreamCall<Response>(raw)
    const guard = setTimeout(
      () => {
        if (this.#client.getChannel().getConnectivityState(false) === channelStates.READY) return
        call.cancel(localStatus('UNAVAILABLE', `${this.address} was not reached within ${this.timeoutMs} ms`))
      },
      Math.min(this.timeoutMs, longestTimerMs),
    )
    const forget = this.onClose(() => call.cancel(localStatus('CANCELLED', 'the client was closed')))
    raw.once('status', () => {
      clearTimeout(guard)
      forget()
    })
    return call
  }

  /** Waits, unless the client is closed or the signal aborted first. */
  async rest(ms: number, signal: AbortSignal | undefined): Promise<void> {
    this.#check(signal)
    await this.#rest(ms, signal)
    this.#check(signal)
  }

  async #rest(ms: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
    await pause(ms, (end) => {
      const registrations = [this.onClose(end), ...signals.map((signal) => onAbort(signal, end))]
      return () => {
        for (const forget of registrations) forget()
      }
    })
  }

  async #attempt<Request, Response>(
    rpc: Rpc<Request, Response>,
    body: Buffer,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<Answer<Response>> {
    const metadata = await this.#identify(deadline - Date.now(), signal)
    if (metadata === undefined) {
      return { ok: false, status: localStatus('DEADLINE_EXCEEDED', 'the token function took too long') }
    }
    return new Promise((resolve) => {
      const settle = (answer: Answer<Response>): void => {
        forgetAbort()
        forgetClose()
        resolve(answer)
      }
      const call = this.#send(rpc, body, metadata, deadline, settle)
      const cancel = (): void => {
        call.cancel()
        settle({ ok: false, status: localStatus('CANCELLED', 'cancelled by the caller') })
      }
      const forgetAbort = onAbort(signal, cancel)
      const forgetClose = this.onClose(cancel)
    })
  }

  /** The metadata of a call; undefined when the token function takes longer than that. */
  async #identify(timeoutMs: number, signal: AbortSignal | undefined): Promise<Metadata | undefined> {
    const metadata = this.tokens.metadata()
    if (!(metadata instanceof Promise)) return metadata
    const limit = new AbortController()
    const first = await Promise.race([metadata, this.#rest(timeoutMs, signal, limit.signal)]).finally(() =>
      limit.abort(),
    )
    this.#check(signal)
    return first ?? undefined
  }

  #send<Request, Response>(
    rpc: Rpc<Request, Response>,
    body: Buffer,
    metadata: Metadata,
    deadline: number,
    settle: (answer: Answer<Response>) => void,
  ): { cancel(): void } {
    const decode = (bytes: Buffer): Response => rpc.decode(bytes)
    return this.#client.makeUnaryRequest(
      rpc.path,
      asItIs,
      decode,
      body,
      metadata,
      { deadline },
      (error, response) => {
        if (error) settle({ ok: false, status: failedStatus(error) })
        else settle({ ok: true, response: response as Response })
      },
    )
  }

  /** What happened, for a person: grpc-js says neither which call, nor how often it was tried. */
  #explain(
    method: string,
    status: FailedStatus,
    attempts: number,
    timeoutMs: number,
    last: FailedStatus | undefined,
  ): string {
    const before = last && last.text !== status.text ? `; before: ${last.text}` : ''
    const tries = attempts === 1 ? '' : ` (${attempts} attempts${before})`
    if (status.code === 'DEADLINE_EXCEEDED') {
      const what = this.#state === 'ready' ? 'did not answer' : 'was not reached'
      return `${method}: ${this.address} ${what} within ${timeoutMs} ms${tries}`
    }
    if (status.code === 'UNAVAILABLE') return `${method}: ${status.text}${tries}`
    return status.text
  }

  #check(signal: AbortSignal | undefined): void {
    if (this.closed) throw new ClientClosedError()
    signal?.throwIfAborted()
  }

  #follow(): void {
    if (this.closed) return
    const channel = this.#client.getChannel()
    const state = channel.getConnectivityState(false)
    this.#move(signalOf[state] ?? 'rest')
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => this.#follow())
  }

  #move(signal: ConnectionSignal): void {
    const before = this.#state
    this.#state = nextConnectionState(before, signal)
    if (this.#state !== before) {
      this.logger.debug({ address: this.address, from: before, to: this.#state }, 'connection')
    }
  }
}

function asItIs(bytes: Buffer): Buffer {
  return bytes
}

function encoded<Request, Response>(rpc: Rpc<Request, Response>, request: Request): Buffer {
  try {
    return rpc.encode(request)
  } catch (cause) {
    const detail = `${rpc.name}: ${cause instanceof Error ? cause.message : String(cause)}`
    throw new InvalidRequestError(detail, { code: 'INVALID_ARGUMENT', reason: 'INVALID_REQUEST', cause })
  }
}
