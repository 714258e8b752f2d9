import type { WatchStateRequest } from '../../proto/gen/holdfast/v1/watch.ts'
import type { Connection } from './connection.ts'
import { behind } from './epoch-behind.ts'
import { HoldfastError } from './errors.ts'
import { onAbort } from './pause.ts'
import { Reopening } from './reopening.ts'
import { type Rpc, rpc } from './rpc.ts'
import { errorOfStatus, type FailedStatus, localStatus } from './status.ts'
import type { StreamCall } from './stream-call.ts'
import { type WatchEvent, type WatchPosition, type WatchStart, watchEvents } from './watch-event.ts'
import { nextWatchState, type WatchSignal, type WatchState } from './watch-state.ts'

/** What {@link Holdfast.watchState} takes. */
export interface WatchOptions {
  /**
   * Which resources, over all kinds at once, such as `service = airship` or `kind = instance AND machine =
   * web-0`; at most 4 KiB. @defaultValue all
   */
  filter?: string | undefined
  /**
   * Begin after this, without a snapshot: the `position` of the last step of an earlier watch with the same
   * filter, or what a write answered, such as `await holdfast.started(…)`. @defaultValue a snapshot of now first
   */
  resume?: WatchStart | undefined
  /** Begin at now, without a snapshot. Not together with `resume`. @defaultValue false */
  skipSnapshot?: boolean | undefined
  /**
   * What to do when the position cannot be honoured, because it is older than what the server keeps or of
   * another epoch: `throw` {@link CompactedError} or {@link EpochChangedError}, or go on with a new snapshot
   * whose first part has `reset: true`. @defaultValue `throw`
   */
  onLost?: 'throw' | 'reset' | undefined
  /** Ends the watch, which then throws the signal's own reason. */
  signal?: AbortSignal | undefined
}

/** The server says something at least every 5 s; twice that, and one for the road, means it is gone. */
const silenceMs = 11_000

/** A watch that comes back by itself. */
export async function* watchState(
  connection: Connection,
  options: WatchOptions,
): AsyncGenerator<WatchEvent, void, undefined> {
  if (options.resume && options.skipSnapshot) {
    throw new TypeError('resume and skipSnapshot exclude each other: give one of them')
  }
  const method = await watchMethod()
  const watch = new Watch(connection, method, options)
  const forget = onAbort(options.signal, () => watch.cancel())
  try {
    for (;;) {
      const events = await watch.next()
      options.signal?.throwIfAborted()
      for (const event of events) yield event
    }
  } finally {
    forget()
    watch.cancel()
  }
}

async function watchMethod() {
  const { StateServiceDefinition } = await import('../../proto/gen/holdfast/v1/state_service.ts')
  return rpc(StateServiceDefinition, StateServiceDefinition.methods.watchState)
}

type WatchRpc = Awaited<ReturnType<typeof watchMethod>>
type WatchMessage = WatchRpc extends Rpc<WatchStateRequest, infer Message> ? Message : never

class Watch {
  readonly #connection: Connection
  readonly #method: WatchRpc
  readonly #options: WatchOptions
  readonly #reopening: Reopening
  #state: WatchState = 'connecting'
  #call: StreamCall<WatchMessage> | undefined
  #position: WatchPosition | undefined

  constructor(connection: Connection, method: WatchRpc, options: WatchOptions) {
    this.#connection = connection
    this.#method = method
    this.#options = options
    this.#reopening = new Reopening(connection.tokens)
    const { resume } = options
    if (resume) {
      const { ledgerEpoch, revision, snapshotCursor = '' } = resume
      this.#position = { ledgerEpoch, revision, snapshotCursor }
    }
  }

  /** The steps of the next message, across as many streams as it takes. */
  async next(): Promise<WatchEvent[]> {
    for (;;) {
      const { signal } = this.#options
      signal?.throwIfAborted()
      this.#call ??= await this.#connection.open(this.#method, this.#request(), signal)
      const call = this.#call
      // Cancelled while the stream was being opened.
      if (this.#state === 'closed') call.cancel()
      const received = await this.#listen(call)
      if (!received.done) return this.#accept(received.message)
      this.#call = undefined
      await this.#recover(received.status ?? localStatus('UNAVAILABLE', 'the server ended the watch'))
    }
  }

  /** Ends the watch at the server too. Final. */
  cancel(): void {
    this.#move('close')
    this.#call?.cancel(localStatus('CANCELLED', 'cancelled by the consumer'))
  }

  #request(): WatchStateRequest {
    const { filter = '', skipSnapshot = false, onLost } = this.#options
    return {
      filter,
      resume: this.#position,
      skipSnapshot: skipSnapshot && this.#position === undefined,
      resetIfLost: onLost === 'reset',
    }
  }

  /** The next message. Silence counts only while somebody listens: a slow consumer is not a dead server. */
  async #listen(call: StreamCall<WatchMessage>) {
    const dead = localStatus('UNAVAILABLE', `the server said nothing for ${silenceMs} ms`)
    let listening = true
    // After a long stop of this process the timer is early: what waits in the socket is read first.
    const check = (): void => {
      if (listening) call.cancel(dead)
    }
    const timer = setTimeout(() => setImmediate(check), silenceMs)
    try {
      return await call.next()
    } finally {
      listening = false
      clearTimeout(timer)
    }
  }

  #accept(message: WatchMessage): WatchEvent[] {
    const events = watchEvents(message)
    for (const event of events) {
      const { ledgerEpoch } = event.position
      if (this.#position && ledgerEpoch < this.#position.ledgerEpoch) throw behind(ledgerEpoch)
      this.#move(signalOf(event))
      if (this.#state === 'failed') {
        throw new HoldfastError(`the server sent ${event.type} where the contract does not allow it`, {
          code: 'INTERNAL',
          reason: 'OUT_OF_ORDER',
        })
      }
      this.#position = event.position
    }
    this.#reopening.heard()
    return events
  }

  async #recover(status: FailedStatus): Promise<void> {
    const { signal } = this.#options
    signal?.throwIfAborted()
    const delayMs = this.#reopening.delayMs(status)
    if (delayMs === undefined) {
      this.#move('refuse')
      throw errorOfStatus(status)
    }
    this.#move('drop')
    this.#connection.logger.warn({ status: status.text, delayMs }, 'the watch was cut off; opening it again')
    await this.#connection.rest(delayMs, signal)
    this.#move('retry')
  }

  #move(signal: WatchSignal): void {
    this.#state = nextWatchState(this.#state, signal)
  }
}

function signalOf(event: WatchEvent): WatchSignal {
  switch (event.type) {
    case 'snapshot':
      return event.reset ? 'reset' : 'snapshot'
    case 'change':
      return 'changes'
    default:
      return event.type
  }
}
