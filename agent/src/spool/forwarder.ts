import type { EventRefusedError, Holdfast, IngestStats } from '@holdfast/sdk'
import type { Segment } from './journal.ts'
import { drainJournal, JournalDrainer } from './journal-drainer.ts'
import { SpoolLimiter, type SpoolLimits } from './limit.ts'
import { sendRecord } from './send-record.ts'
import { Silence } from './silence.ts'
import type { Spool } from './spool.ts'

export interface Forwarded {
  /** Events that were settled now: the server has them, or they were set aside. */
  settled: number
  /** Events that the server refused for good, or that cannot be sent, which were set aside. */
  refused: EventRefusedError[]
  /** What the last ack said. */
  stats: IngestStats | undefined
}

export interface ForwarderOptions {
  spool: Spool
  client: Holdfast
  /** What the spool is held to while nothing gets through. @defaultValue 256 MiB and 30 days */
  limits?: SpoolLimits | undefined
  /** For how long the server may settle nothing until a started one holds the spool to them. @defaultValue 60,000 */
  patienceMs?: number | undefined
  /** Hears why nothing gets through, each time it is tried. */
  onTrouble?: (error: unknown, waitMs: number) => void
  /** Hears of each event that is refused for good, once it is set aside. */
  onRefused?: (error: EventRefusedError) => void
}

/**
 * Sends what a spool holds, oldest first, and removes what the server has settled. Several at once on one spool, and
 * one that is killed at any point, cost duplicates, which the server counts once.
 */
export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #limiter: SpoolLimiter
  readonly #drainer: JournalDrainer

  constructor(options: ForwarderOptions) {
    const { spool, limits, patienceMs = 60_000 } = options
    this.#options = options
    this.#limiter = new SpoolLimiter(spool, limits)
    this.#drainer = new JournalDrainer({
      drain: (signal) => this.drain({ signal, patienceMs }),
      onTrouble: (error, waitMs) => {
        options.onTrouble?.(error, waitMs)
        this.#holdQuietly(waitMs)
      },
    })
  }

  /** Forwards for as long as it is not stopped. */
  start(): void {
    this.#drainer.start()
  }

  /** Something was appended: do not wait for the next round. */
  nudge(): void {
    this.#drainer.nudge()
  }

  async stop(): Promise<void> {
    await this.#drainer.stop()
  }

  /**
   * Sends what there is now. Rejects with the SDK's error when the server does not take it within `timeoutMs`; what
   * was settled until then is noted, and {@link holdToLimits} says what to do about the rest.
   *
   * @param options.timeoutMs for all of it. @defaultValue no limit
   * @param options.patienceMs for each time that nothing is settled, though something waits. @defaultValue no limit
   */
  async drain(
    options: { timeoutMs?: number; patienceMs?: number; signal?: AbortSignal } = {},
  ): Promise<Forwarded> {
    const deadline = performance.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY)
    const total: Forwarded = { settled: 0, refused: [], stats: undefined }
    const round: Round = { deadline, total, ...options }
    await drainJournal(this.#options.spool, (segment, known) => this.#send(segment, known, round))
    return total
  }

  /** Drops what the spool keeps beyond its limits. Done by itself when {@link start}ed and nothing gets through. */
  holdToLimits(): void {
    this.#limiter.step()
  }

  async #send(
    segment: Segment,
    known: number,
    { deadline, total, patienceMs, signal }: Round,
  ): Promise<{ bytes: number; settled: number }> {
    const { spool, client } = this.#options
    const { events } = spool.read(segment)
    const acked = Math.min(Math.max(spool.acked(segment), known), events.length)
    const bytes = events.reduce((sum, event) => sum + event.length, 0)
    if (acked === events.length) return { bytes, settled: acked }
    let postponed: { error: Error; seq: number } | undefined
    const setAside = (error: EventRefusedError) => {
      const { reason, detail: message, metadata } = error
      const event = events[Number(metadata.eventSeq) - 1]?.toString('base64') ?? ''
      spool.setAside({ id: metadata.eventId ?? '', epoch: String(segment.epoch), reason, message, event })
      total.refused.push(error)
      this.#options.onRefused?.(error)
    }
    const unsendable: EventRefusedError[] = []
    const silence = new Silence(patienceMs)
    const stream = client.ingest({
      source: spool.sourceOf(segment),
      epoch: segment.epoch,
      firstSeq: acked + 1,
      onAcked: () => silence.broken(),
      onRefused: (error) => {
        const seq = Number(error.metadata.eventSeq)
        // The one refusal that passes: the event and what follows it are sent again.
        if (error.reason === 'QUOTA_EXCEEDED') {
          postponed ??= { error, seq }
          return
        }
        try {
          setAside(error)
        } catch (cause) {
          // A disk that takes nothing: it stays where it is, and what follows it as well.
          postponed ??= { error: cause as Error, seq }
        }
      },
    })
    const left = () =>
      deadline === Number.POSITIVE_INFINITY ? undefined : Math.max(1, deadline - performance.now())
    const impatient = AbortSignal.any([silence.signal, ...(signal === undefined ? [] : [signal])])
    const late = left()
    const until =
      late === undefined ? impatient : AbortSignal.any([impatient, AbortSignal.timeout(Math.ceil(late))])
    try {
      for (const [index, event] of events.entries()) {
        if (index < acked) continue
        const refusal = await sendRecord(stream, event, { seq: index + 1, signal: until })
        if (refusal !== undefined) unsendable.push(refusal)
      }
      await stream.flush({ timeoutMs: left(), signal: impatient })
    } finally {
      silence.end()
      const { stats } = stream
      total.stats = stats
      total.settled += stats.acked
      const upTo = postponed === undefined ? stats.ackedSeq : Math.min(stats.ackedSeq, postponed.seq - 1)
      if (upTo > acked) spool.noteAcked(segment, upTo)
      await stream.close({ timeoutMs: 1 }).catch(() => {})
    }
    if (postponed !== undefined) throw postponed.error
    // Only now, when the round has nothing else before it: each round that fails would set them aside once more.
    for (const error of unsendable) setAside(error)
    total.settled += unsendable.length
    if (unsendable.length > 0) spool.noteAcked(segment, events.length)
    return { bytes, settled: events.length }
  }

  /** A disk that takes nothing is no reason to stop forwarding. */
  #holdQuietly(waitMs: number): void {
    try {
      this.holdToLimits()
    } catch (error) {
      this.#options.onTrouble?.(error, waitMs)
    }
  }
}

interface Round {
  /** By `performance.now()`. */
  deadline: number
  total: Forwarded
  patienceMs?: number
  signal?: AbortSignal
}
