import { setTimeout as delay } from 'node:timers/promises'

/** A rest between two rounds of work that ends early when somebody says that there is more to do. */
export class Nudge {
  #nudged = false
  #wake: (() => void) | undefined

  /** Ends the rest, or the next one before it begins. */
  give(): void {
    this.#nudged = true
    this.#wake?.()
  }

  /** What was said until now is being seen to. */
  forget(): void {
    this.#nudged = false
  }

  /** Rests so long, unless nudged since it was last forgotten, or the signal is aborted. */
  async rest(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#nudged) return
    const timer = new AbortController()
    const nudged = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    await Promise.race([nudged, delay(ms, undefined, { signal: timer.signal }).catch(() => {})])
    timer.abort()
    this.#wake = undefined
  }
}
