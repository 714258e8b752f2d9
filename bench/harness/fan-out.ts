import { setTimeout as pause } from 'node:timers/promises'
import type { Figures } from './report.ts'
import { latencies } from './sample.ts'

/** A system with one writer and many watchers of what it writes. */
export interface FanOut extends AsyncDisposable {
  readonly name: string
  /** Writes a value that carries `stamp` to every watcher. Resolves when the write is acknowledged. */
  write(stamp: number): Promise<void>
  /** Opens watchers, each on a stream of its own; resolves when all stand. */
  watch(watchers: number, onDelivered: (stamp: number) => void): Promise<void>
}

/** The watchers of one system, and what they were delivered. */
export class Delivery {
  readonly #system: FanOut
  readonly #watchers: number
  #samples: number[] = []
  #delivered = 0
  #until = { count: Number.POSITIVE_INFINITY, resolve: () => {} }

  constructor(system: FanOut, watchers: number) {
    this.#system = system
    this.#watchers = watchers
  }

  open(): Promise<void> {
    return this.#system.watch(this.#watchers, (stamp) => {
      this.#samples.push(performance.now() - stamp)
      if (++this.#delivered >= this.#until.count) this.#until.resolve()
    })
  }

  /** Writes at a steady rate and reports the time from the call of write to each delivery. */
  async paced({ perSecond, seconds }: { perSecond: number; seconds: number }): Promise<Figures> {
    this.#reset()
    const writes: Promise<void>[] = []
    const begin = performance.now()
    for (let turn = 0; turn < perSecond * seconds; turn++) {
      await pause(Math.max(0, begin + (turn * 1000) / perSecond - performance.now()))
      writes.push(this.#system.write(performance.now()))
    }
    await Promise.all(writes)
    await this.#all(writes.length)
    const { p50Ms, p99Ms } = latencies(this.#samples)
    return { p99Ms, p50Ms }
  }

  /** Writes `inFlight` values at once, and again as soon as every watcher has them all. */
  async saturated({ seconds, inFlight = 1 }: { seconds: number; inFlight?: number }): Promise<Figures> {
    this.#reset()
    const begin = performance.now()
    let writes = 0
    while (performance.now() - begin < seconds * 1000) {
      writes += inFlight
      await Promise.all(Array.from({ length: inFlight }, () => this.#system.write(performance.now())))
      await this.#all(writes)
    }
    const elapsed = (performance.now() - begin) / 1000
    return { perSecond: this.#delivered / elapsed, writesPerSecond: writes / elapsed }
  }

  #reset(): void {
    this.#samples = []
    this.#delivered = 0
  }

  /** Resolves when every watcher has had `writes` deliveries. */
  async #all(writes: number): Promise<void> {
    const count = writes * this.#watchers
    if (this.#delivered >= count) return
    const late = new Error(`${this.#system.name}: not everything was delivered within 30 s`)
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(late), 30_000)
      this.#until = {
        count,
        resolve: () => {
          clearTimeout(timer)
          resolve()
        },
      }
    })
    this.#until = { count: Number.POSITIVE_INFINITY, resolve: () => {} }
    if (this.#delivered > count)
      throw new Error(`${this.#system.name}: ${this.#delivered} deliveries of ${count}`)
  }
}
