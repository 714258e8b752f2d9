import type { Logger } from 'pino'
import { Notifier } from './notifier.ts'

/**
 * Wakes those who follow logs: at once for what this process appends, by a notification for what another
 * server does. A hint and no more: followers look by themselves now and then.
 */
export class LogFeed {
  readonly #notifier: Notifier
  readonly #followers = new Map<string, Set<() => void>>()

  constructor({ url, log }: { url: string; log: Logger }) {
    this.#notifier = new Notifier({
      url,
      log,
      channel: 'holdfast_run_log',
      onHint: () => this.#wake([...this.#followers.keys()]),
    })
  }

  async start(): Promise<void> {
    await this.#notifier.start()
  }

  async stop(): Promise<void> {
    this.#wake([...this.#followers.keys()])
    await this.#notifier.stop()
  }

  /** These runs, or their logs, have changed. */
  publish(runs: readonly string[]): void {
    this.#wake(runs)
    this.#notifier.notify()
  }

  /**
   * A follower of a run: `changed` resolves when something may have changed since it was last asked, when the
   * signal aborts, or after `limitMs`.
   */
  follow(run: string, signal: AbortSignal): Follower {
    const followers = this.#followers.get(run) ?? new Set()
    this.#followers.set(run, followers)
    let pending = false
    let wake: (() => void) | undefined
    const hear = (): void => {
      pending = true
      wake?.()
    }
    followers.add(hear)
    signal.addEventListener('abort', hear)
    return {
      async changed(limitMs) {
        if (!pending && !signal.aborted) {
          await new Promise<void>((resolve) => {
            const timer = setTimeout(resolve, limitMs)
            wake = () => {
              clearTimeout(timer)
              resolve()
            }
          })
        }
        wake = undefined
        pending = false
      },
      [Symbol.dispose]: () => {
        signal.removeEventListener('abort', hear)
        followers.delete(hear)
        if (followers.size === 0) this.#followers.delete(run)
      },
    }
  }

  #wake(runs: readonly string[]): void {
    for (const run of runs) for (const hear of this.#followers.get(run) ?? []) hear()
  }
}

export interface Follower extends Disposable {
  changed(limitMs: number): Promise<void>
}
