import { Holdfast, type WatchEvent, type WatchOptions, type WatchPosition } from '../../sdk/src/index.ts'
import { tracked } from '../harness/tracked.ts'
import { until } from '../harness/wait.ts'
import { type HistoryEntry, imageOf } from './history.ts'

/** A watch of the SDK that keeps every step, across as many streams as it takes. Ends with its `await using`. */
export class SdkWatch implements AsyncDisposable {
  readonly events: WatchEvent[] = []
  readonly #holdfast: Holdfast
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  readonly #ended: () => void
  #error: unknown

  constructor(address: string, options: WatchOptions = {}) {
    this.#holdfast = Holdfast.lazy({ address })
    this.#ended = tracked(this, `the SDK's watch of ${address}`)
    this.#done = this.#run(options)
  }

  async #run(options: WatchOptions): Promise<void> {
    try {
      const steps = this.#holdfast.watchState({ ...options, signal: this.#stop.signal })
      for await (const event of steps) this.events.push(event)
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#error = error
    }
  }

  get position(): WatchPosition | undefined {
    return this.events.at(-1)?.position
  }

  /** Every revision received, in the order of arrival. */
  get history(): HistoryEntry[] {
    return this.events.flatMap((event) => {
      if (event.type !== 'change') return []
      const images = event.changes.map(({ resource }) => imageOf({ resource }))
      return [{ revision: event.revision, images }]
    })
  }

  /** Waits until everything up to `revision` was received. Fails at once when the watch does. */
  async reached(revision: bigint): Promise<this> {
    const has = () => {
      if (this.#error !== undefined) throw this.#error
      const last = this.events.at(-1)
      return last !== undefined && last.type !== 'snapshot' && last.revision >= revision
    }
    await until(`the SDK's watch to reach revision ${revision}`, has)
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#done
    this.#holdfast.close()
    this.#ended()
  }
}
