import { randomUUID } from 'node:crypto'
import { status as Code, type Metadata } from '@grpc/grpc-js'
import type { Logger } from 'pino'
import type { CallContext } from '../api/handler.ts'
import { HoldfastError } from '../domain/error.ts'
import { grpcCode, holdfastErrorOf } from './status.ts'

/** What all four kinds of grpc-js call have. */
export interface SurfaceCall {
  readonly metadata: Metadata
  getPeer(): string
  getDeadline(): Date | number
  on(event: 'cancelled', listener: () => void): unknown
}

/** Names the caller, or throws UNAUTHENTICATED. */
export type Authenticate = (metadata: Metadata, peer: string) => string

export interface OpenCallOptions {
  method: string
  /** Streams keep their deadline here: grpc-js does not cancel a stream whose client reads nothing. */
  streams: boolean
  authenticate: Authenticate
  log: Logger
}

const longestTimerMs = 2 ** 31 - 1
const requestIdPattern = /^[\x21-\x7e]{1,128}$/

/** One call from its arrival to its end. */
export class OpenCall implements CallContext {
  readonly method: string
  readonly deadline: Date | undefined
  readonly streams: boolean
  principal = 'unauthenticated'
  readonly #call: SurfaceCall
  readonly #options: OpenCallOptions
  /** Made when somebody asks for the signal: most calls end before anybody does. */
  #controller: AbortController | undefined
  #endedBy: HoldfastError | undefined
  #onEnd: ((reason: HoldfastError) => void) | undefined
  readonly #startedMs = performance.now()
  #timer: NodeJS.Timeout | undefined
  #log: Logger | undefined
  #requestId: string | undefined
  #closed = false
  #windingUp = false
  /** Asks the handler to come to an end by itself; set for calls that can. False when it was at it anyway. */
  windUp: (() => boolean) | undefined

  constructor(call: SurfaceCall, options: OpenCallOptions) {
    this.#call = call
    this.#options = options
    this.method = options.method
    this.streams = options.streams
    const deadline = Number(call.getDeadline())
    this.deadline = Number.isFinite(deadline) ? new Date(deadline) : undefined
    // grpc-js says so of every call, also of one that went well.
    call.on('cancelled', () => {
      if (!this.#closed) this.end(this.#overdue() ? overdue() : cancelled())
    })
    if (this.deadline !== undefined && options.streams) {
      const ms = deadline - Date.now()
      if (ms <= longestTimerMs) this.#timer = setTimeout(() => this.end(overdue()), Math.max(0, ms))
    }
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      if (this.#endedBy !== undefined) this.#controller.abort(this.#endedBy)
    }
    return this.#controller.signal
  }

  get requestId(): string {
    if (this.#requestId === undefined) {
      const given = this.#call.metadata.get('x-request-id')[0]
      this.#requestId = typeof given === 'string' && requestIdPattern.test(given) ? given : randomUUID()
    }
    return this.#requestId
  }

  get log(): Logger {
    this.#log ??= this.#options.log.child({
      method: this.method,
      peer: this.#call.getPeer(),
      principal: this.principal,
      requestId: this.requestId,
    })
    return this.#log
  }

  /** True when the server cut the requests short. */
  get windingUp(): boolean {
    return this.#windingUp
  }

  /** Settles as `work` does, unless the call is ended before: then it rejects with the reason. */
  unlessEnded<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#endedBy !== undefined) reject(this.#endedBy)
      this.#onEnd = reject
      work.then(resolve, reject)
    })
  }

  /** Learns who calls; throws UNAUTHENTICATED. */
  admit(): void {
    this.principal = this.#options.authenticate(this.#call.metadata, this.#call.getPeer())
  }

  /** Ends the call from outside. The first reason stays. */
  end(reason: HoldfastError): void {
    if (this.#closed || this.#endedBy !== undefined) return
    this.#endedBy = reason
    this.#controller?.abort(reason)
    this.#onEnd?.(reason)
  }

  /** Ends a stream because the server goes down: by itself if it can, else at once. */
  drain(reason: HoldfastError): void {
    if (this.windUp === undefined) this.end(reason)
    else this.#windingUp ||= this.windUp()
  }

  /** The last word of a call that went well. */
  succeed(): void {
    this.#close()
    if (this.#options.log.isLevelEnabled('debug')) this.log.debug({ code: 'OK', ms: this.#tookMs() }, 'call')
  }

  /** The last word of a call that did not: logs it and says how it ends. */
  fail(thrown: unknown): HoldfastError {
    this.#close()
    const error = holdfastErrorOf(thrown, this.requestId)
    // What a handler throws because it was told to stop is not news; a fault on the way out is.
    const final = this.#endedBy ?? error
    const entry = { code: Code[grpcCode(final.reason)], reason: final.reason, ms: this.#tookMs() }
    if (error.reason === 'INTERNAL') this.log.error({ ...entry, err: error.cause ?? error }, 'call failed')
    else if (isTrouble(final)) this.log.warn({ ...entry, err: final.cause }, final.message)
    else if (this.#options.log.isLevelEnabled('debug')) this.log.debug(entry, final.message)
    return final
  }

  /** What a handler throws after its call has ended: only a fault is worth a line. */
  failLate(thrown: unknown): void {
    const error = holdfastErrorOf(thrown, this.requestId)
    if (error.reason === 'INTERNAL')
      this.log.error({ err: error.cause ?? error }, 'a handler failed after its call')
  }

  #close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #overdue(): boolean {
    return this.deadline !== undefined && Date.now() >= this.deadline.getTime()
  }

  #tookMs(): number {
    return Math.round((performance.now() - this.#startedMs) * 100) / 100
  }
}

function isTrouble(error: HoldfastError): boolean {
  return (
    error.reason === 'STORE_UNAVAILABLE' ||
    error.reason === 'UNAUTHENTICATED' ||
    error.reason === 'QUOTA_EXCEEDED'
  )
}

function overdue(): HoldfastError {
  return new HoldfastError('DEADLINE_EXCEEDED', 'the deadline passed before the call was done')
}

function cancelled(): HoldfastError {
  return new HoldfastError('CANCELLED', 'the caller cancelled the call')
}
