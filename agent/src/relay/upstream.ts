import { InvalidRequestError } from '@holdfast/sdk'
import { type BatchSender, batchOfSome, sourceOfBatch } from '@holdfast/sdk/relayed-batch'
import type { Segment } from '../spool/journal.ts'
import { drainJournal, JournalDrainer } from '../spool/journal-drainer.ts'
import type { RelayJournal } from './relay-journal.ts'

/** Batches that are under way at once, of different sources. */
const windowBatches = 64
const sendTimeoutMs = 30_000

export interface UpstreamOptions {
  journal: RelayJournal
  sender: BatchSender
  /** Hears why nothing gets through, each time it is tried. */
  onTrouble?: (error: unknown, waitMs: number) => void
  /** Hears of what the server refuses for good, which was set aside. */
  onRefused?: (source: string, error: Error) => void
}

/** Sends what a journal holds, oldest first and each source in order, and removes what the server has settled. */
export class Upstream {
  readonly #options: UpstreamOptions
  readonly #drainer: JournalDrainer

  constructor(options: UpstreamOptions) {
    const { journal, onTrouble = () => {} } = options
    this.#options = options
    this.#drainer = new JournalDrainer({
      drain: (signal) => drainJournal(journal, (segment, known) => this.#sendSegment(segment, known, signal)),
      onTrouble,
    })
  }

  start(): void {
    this.#drainer.start()
  }

  /** Something was kept: do not wait for the next round. */
  nudge(): void {
    this.#drainer.nudge()
  }

  async stop(): Promise<void> {
    await this.#drainer.stop()
  }

  async #sendSegment(segment: Segment, known: number, signal: AbortSignal) {
    const { journal } = this.#options
    const { events: batches } = journal.read(segment)
    for (let at = Math.max(journal.acked(segment), known); at < batches.length; at += windowBatches) {
      const window = batches.slice(at, at + windowBatches)
      await this.#sendWindow(window, signal)
      journal.noteAcked(segment, at + window.length)
    }
    return { bytes: batches.reduce((sum, batch) => sum + batch.length, 0), settled: batches.length }
  }

  /** Sends some batches: those of one source one after the other, different sources at once. */
  async #sendWindow(window: readonly Buffer[], signal: AbortSignal): Promise<void> {
    const bySource = Map.groupBy(window, sourceOfBatch)
    const sending = [...bySource].map(async ([source, batches]) => {
      for (const batch of batches) await this.#sendBatch(source, batch, signal)
    })
    // All have ended before any is sent again: else a source would get ahead of itself.
    const failed = (await Promise.allSettled(sending)).find((one) => one.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  async #sendBatch(source: string, batch: Buffer, signal: AbortSignal): Promise<void> {
    const { journal, sender, onRefused } = this.#options
    const call = { timeoutMs: sendTimeoutMs, maxAttempts: 1, signal }
    const setAside = (error: Error & { reason: string }, refused: Uint8Array) => {
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
        if (error.reason !== 'QUOTA_EXCEEDED') setAside(error, batchOfSome(batch, [index]))
      }
    } catch (error) {
      if (!(error instanceof InvalidRequestError)) throw error
      setAside(error, batch)
    }
  }
}
