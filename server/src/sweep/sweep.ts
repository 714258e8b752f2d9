import type { Logger } from 'pino'

/** A background step that runs now and then until it is stopped. Subclasses say what one step does. */
export abstract class Sweep {
  protected readonly log: Logger
  readonly #everyMs: number
  #timer: NodeJS.Timeout | undefined
  #running: Promise<unknown> | undefined
  #stopped = false

  constructor({ log, everyMs }: { log: Logger; everyMs: number }) {
    this.log = log
    this.#everyMs = everyMs
  }

  /** Does what is due now; may say in how many milliseconds to look again. Safe to run on several servers at once. */
  abstract step(): Promise<unknown>

  /** Runs a first step soon, and then again and again. A step that fails is logged and tried at the next turn. */
  start(): void {
    // Servers that start together do not sweep together.
    this.#schedule(Math.random() * Math.min(this.#everyMs, 10_000))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#running
  }

  #schedule(inMs: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#running = this.step()
        .catch((error: unknown) => {
          this.log.warn({ err: error, sweep: this.constructor.name }, 'a background step failed')
        })
        .then((inMs) => this.#schedule(typeof inMs === 'number' ? inMs : this.#everyMs))
    }, inMs)
    this.#timer.unref()
  }
}
