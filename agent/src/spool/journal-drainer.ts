import { setTimeout as delay } from 'node:timers/promises'
import { Nudge } from '../nudge.ts'
import type { Journal, Segment } from './journal.ts'

/** A segment that is settled is replaced by a new one from this size on; a smaller one is gone on with. */
const worthSealingBytes = 64 * 1024
const idleMs = 5_000
const firstWaitMs = 500
const longestWaitMs = 60_000

/**
 * Sends what of a segment is not settled, and gives the size of its records and how many are settled then.
 *
 * @param known how many are, also when a full disk took no note of it.
 */
export type SendSegment = (segment: Segment, known: number) => Promise<{ bytes: number; settled: number }>

/** Sends what a journal holds now, oldest first, and removes what is settled. Rejects as `send` does. */
export async function drainJournal(journal: Journal, send: SendSegment): Promise<void> {
  const segments = journal.segments()
  for (const [index, segment] of segments.entries()) {
    const { bytes, settled } = await send(segment, 0)
    if (index === segments.length - 1 && !segment.sealed && bytes < worthSealingBytes) return
    const sealed = journal.seal(segment)
    // What came between the reading and the sealing.
    await send(sealed, settled)
    const { damagedBytes, tornBytes } = journal.read(sealed)
    journal.discard(sealed, damagedBytes + tornBytes > 0)
  }
}

export interface JournalDrainerOptions {
  /** One round: everything that is there now. */
  drain: (signal: AbortSignal) => Promise<unknown>
  /** Hears why a round failed, each time. */
  onTrouble: (error: unknown, waitMs: number) => void
}

/** Drains a journal for as long as it is not stopped: when something came, and else every few seconds. */
export class JournalDrainer {
  readonly #options: JournalDrainerOptions
  readonly #stopping = new AbortController()
  readonly #nudge = new Nudge()
  #running: Promise<void> | undefined

  constructor(options: JournalDrainerOptions) {
    this.#options = options
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** Something was kept: do not wait for the next round. */
  nudge(): void {
    this.#nudge.give()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.nudge()
    await this.#running
  }

  async #run(): Promise<void> {
    const { drain, onTrouble } = this.#options
    const { signal } = this.#stopping
    for (let failures = 0; !signal.aborted; ) {
      this.#nudge.forget()
      try {
        await drain(signal)
        failures = 0
        await this.#nudge.rest(idleMs, signal)
      } catch (error) {
        if (signal.aborted) return
        const waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** failures++) * (0.5 + Math.random() / 2)
        onTrouble(error, waitMs)
        // What comes meanwhile does not make the server any better.
        await delay(waitMs, undefined, { signal }).catch(() => {})
      }
    }
  }
}
