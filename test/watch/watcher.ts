import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js'
import type {
  RevisionChanges,
  WatchPosition,
  WatchStateRequest,
  WatchStateResponse,
} from '../../proto/gen/holdfast/v1/watch.ts'
import type { Clients } from '../harness/clients.ts'
import { errorInfoOf } from '../harness/error-info.ts'
import { tracked } from '../harness/tracked.ts'
import { until } from '../harness/wait.ts'

export type Step = NonNullable<WatchStateResponse['step']>

/** A step, and when it came. */
export interface Arrival {
  step: Step
  /** Milliseconds, monotonic. */
  atMs: number
}

/** One stream of WatchState, as the wire gives it: keeps every step. Ends with its `using`. */
export class Watcher implements Disposable {
  readonly arrivals: Arrival[] = []
  readonly openedMs = performance.now()
  readonly #call: ClientReadableStream<WatchStateResponse>
  readonly #ended: () => void
  #error: ServiceError | undefined

  constructor({ state }: Pick<Clients, 'state'>, request: Partial<WatchStateRequest> = {}) {
    const defaults = { filter: '', resume: undefined, skipSnapshot: false, resetIfLost: false }
    this.#call = state.watchState({ ...defaults, ...request })
    this.#ended = tracked(this, 'a watch')
    this.#call.on('data', ({ step }: WatchStateResponse) => {
      this.arrivals.push({ step: step!, atMs: performance.now() })
    })
    this.#call.on('error', (error: ServiceError) => {
      this.#error ??= error
    })
  }

  get steps(): Step[] {
    return this.arrivals.map(({ step }) => step)
  }

  /** Every revision received, in the order of arrival. */
  get revisions(): RevisionChanges[] {
    return this.steps.flatMap((step) => (step.$case === 'changes' ? step.value.revisions : []))
  }

  /** The last position received. */
  get position(): WatchPosition | undefined {
    return this.arrivals.at(-1)?.step.value.position
  }

  /** Whether everything up to `revision` was received, the snapshot included. */
  has(revision: bigint): boolean {
    const last = this.arrivals.at(-1)?.step
    return last !== undefined && last.$case !== 'snapshot' && last.value.position!.revision >= revision
  }

  /** Waits until everything up to `revision` was received. When it fails, as it does at the end of the stream, it lets go. */
  async reached(revision: bigint, limitMs?: number): Promise<this> {
    const what = `a watch to reach revision ${revision}`
    const has = () => {
      if (this.#error !== undefined) throw this.#error
      return this.has(revision)
    }
    try {
      await until(what, has, limitMs)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
    return this
  }

  /** Waits until the first step that is not of a snapshot: from here on it follows. */
  following(): Promise<this> {
    return this.reached(0n)
  }

  /** Waits for the stream to be refused or to end in an error, and gives the reason and what goes with it. */
  async refused(): Promise<{ code: number; reason: string; metadata: Record<string, string> }> {
    const error = await until('a watch to end', () => this.#error)
    const { reason, metadata } = errorInfoOf(error)
    return { code: error.code, reason, metadata }
  }

  /** Reads nothing more, so that the server cannot write. */
  stall(): void {
    this.#call.pause()
  }

  drain(): void {
    this.#call.resume()
  }

  [Symbol.dispose](): void {
    this.#call.cancel()
    this.#ended()
  }
}
