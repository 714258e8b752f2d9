import { setTimeout as delay } from 'node:timers/promises'
import { InvalidRequestError } from '@holdfast/sdk'
import { type BatchSender, batchOfSome, sourceOfBatch } from '@holdfast/sdk/relayed-batch'
import { Nudge } from '../nudge.ts'
import type { Segment } from '../spool/journal.ts'
import type { RelayJournal } from './relay-journal.ts'

/** A segment that is settled is replaced by a new one from this size on; a smaller one is gone on with. */
const worthSealingBytes = 64 * 1024
/** Batches that are under way at once, of different sources. */
const windowBatches = 64
const sendTimeoutMs = 30_000
const idleMs = 5_000
const firstWaitMs = 500
const longestWaitMs = 60_000

export interface UpstreamOptions {
  journal: RelayJournal
  sender: BatchSender
  /** Hears why nothing gets through, each time it is tried. */
  onTrouble?: (error: unknown, waitMs: number) => void
  /** Hears of what the server refuses for good, which was put aside. */
  onRefused?: (source: string, error: Error) => void
}

/** Sends what a journal holds, oldest first and each source in order, and removes what the server has settled. */
export class Upstream {
  readonly #options: UpstreamOptions
  readonly #stopping = new AbortController()
  readonly #nudge = new Nudge()
  #running: Promise<void> | undefined

  constructor(options: UpstreamOptions) {
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
    const { signal } = this.#stopping
    for (let failures = 0; !signal.aborted; ) {
      let waitMs = idleMs
      this.#nudge.forget()
      try {
        await this.#drain()
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** failures++) * (0.5 + Math.random() / 2)
        this.#options.onTrouble?.(error, waitMs)
        // What comes meanwhile does not make the server any better.
        await delay(waitMs, undefined, { signal }).catch(() => {})
        continue
      }
      await this.#nudge.rest(waitMs, signal)
    }
  }

  async #drain(): Promise<void> {
    const { journal } = this.#options
    const segments = journal.segments()
    for (const [index, segment] of segments.entries()) {
      const bytes = await this.#sendSegment(segment)
      if (index === segments.length - 1 && !segment.sealed && bytes < worthSealingBytes) return
      const sealed = journal.seal(segment)
      // What came between the reading and the sealing.
      await this.#sendSegment(sealed)
      const { damagedBytes, tornBytes } = journal.read(sealed)
      journal.discard(sealed, damagedBytes + tornBytes > 0)
    }
  }

  async #sendSegment(segment: Segment): Promise<number> {
    const { journal } = this.#options
    const { events: batches } = journal.read(segment)
    for (let at = journal.acked(segment); at < batches.length; at += windowBatches) {
      const window = batches.slice(at, at + windowBatches)
      await this.#sendWindow(window)
      journal.noteAcked(segment, at + window.length)
    }
    return batches.reduce((sum, batch) => sum + batch.length, 0)
  }

  /** Sends some batches: those of one source one after the other, different sources at once. */
  async #sendWindow(window: readonly Buffer[]): Promise<void> {
    const bySource = Map.groupBy(window, sourceOfBatch)
    const sending = [...bySource].map(async ([source, batches]) => {
      for (const batch of batches) await this.#sendBatch(source, batch)
    })
    // All have ended before any is sent again: else a source would get ahead of itself.
    const failed = (await Promise.allSettled(sending)).find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async #sendBatch(source: string, batch: Buffer): Promise<void> {
    const { journal, sender, onRefused } = this.#options
    const call = { timeoutMs: sendTimeoutMs, maxAttempts: 1, signal: this.#stopping.signal }
    const putAside = (error: Error & { reason: string }, refused: Uint8Array) => {
      const kept = Buffer.from(refused).toString('base64')
      journal.setAside({ source, reason: error.reason, message: error.message, batch: kept })
      onRefused?.(source, error)
    }
    try {
      const refusals = await sender.send(batch, call)
      // The one refusal that passes is for the source to mend: it goes to the end, and holds up nobody else's.
      const later = refusals.filter(({ error }) => error.reason === 'QUOTA_EXCEEDED')
      if (later.length > 0)
        journal.keep([
          batchOfSome(
            batch,
            later.map(({ index }) => index),
          ),
        ])
      for (const { index, error } of refusals) {
        if (error.reason !== 'QUOTA_EXCEEDED') putAside(error, batchOfSome(batch, [index]))
      }
    } catch (error) {
      if (!(error instanceof InvalidRequestError)) throw error
      putAside(error, batch)
    }
  }
}
