import { HoldfastError } from '../domain/error.ts'
import { OpenCall, type OpenCallOptions, type SurfaceCall } from './open-call.ts'

/** The calls under way. While draining it takes no new ones. */
export class OpenCalls {
  readonly #calls = new Set<OpenCall>()
  readonly #idle: (() => void)[] = []
  #draining = false

  get size(): number {
    return this.#calls.size
  }

  /** Every call that is opened must be closed. */
  open(call: SurfaceCall, options: OpenCallOptions): OpenCall {
    const openCall = new OpenCall(call, options)
    this.#calls.add(openCall)
    return openCall
  }

  close(call: OpenCall): void {
    this.#calls.delete(call)
    if (this.#calls.size === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Resolves when no call is under way. */
  idle(): Promise<void> {
    return this.#calls.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Throws UNAUTHENTICATED, or SERVER_DRAINING. */
  admit(call: OpenCall): void {
    call.admit()
    if (this.#draining) throw draining()
  }

  /** Takes no new calls, and ends streams: those that can wind up are asked to, the others end at once. */
  drain(): void {
    this.#draining = true
    for (const call of this.#calls) if (call.streams) call.drain(draining())
  }

  /** Ends streams that are still winding up. */
  endStreams(): void {
    for (const call of this.#calls) if (call.streams) call.end(draining())
  }

  endAll(): void {
    for (const call of this.#calls) call.end(draining())
  }
}

export function draining(): HoldfastError {
  return new HoldfastError('SERVER_DRAINING', 'the server is going down; connect again', {
    retryAfterMs: 500,
  })
}
