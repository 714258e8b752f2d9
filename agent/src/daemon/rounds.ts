/** Work that is done again and again, at times that many machines do not share. */
export class Rounds {
  readonly #onTrouble: (message: string) => void
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #running = new Set<Promise<void>>()
  readonly #troubled = new Set<string>()
  #stopped = false

  /** @param onTrouble hears of work that fails, once until it goes well again. */
  constructor(onTrouble: (message: string) => void) {
    this.#onTrouble = onTrouble
  }

  /**
   * Does the work soon, and then every `everyMs`, a tenth more or less each time: ten thousand agents that start
   * together, or lose their server together, spread over the interval and stay spread.
   */
  begin(name: string, everyMs: number, work: () => Promise<void>): void {
    this.#next(name, Math.random() * Math.min(everyMs, 2_000), { everyMs, work })
  }

  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    await Promise.all(this.#running)
  }

  #next(name: string, inMs: number, round: { everyMs: number; work: () => Promise<void> }): void {
    if (this.#stopped) return
    const timer = setTimeout(() => {
      const running = this.#run(name, round.work).then(() => {
        this.#running.delete(running)
        // After trouble anywhere in the interval: all machines of a server that went away have the same trouble.
        const share = this.#troubled.has(name) ? Math.random() : 0.9 + Math.random() * 0.2
        this.#next(name, Math.max(500, round.everyMs * share), round)
      })
      this.#running.add(running)
    }, inMs)
    this.#timers.set(name, timer)
  }

  async #run(name: string, work: () => Promise<void>): Promise<void> {
    try {
      await work()
      this.#troubled.delete(name)
    } catch (error) {
      if (this.#troubled.has(name) || this.#stopped) return
      this.#troubled.add(name)
      this.#onTrouble(`${name}: ${error instanceof Error ? error.message : String(error)}; trying again`)
    }
  }
}
