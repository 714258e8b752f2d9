import type { EventRefusedError, Holdfast, IngestStats } from '@holdfast/sdk'
import { decodeEvent } from '@holdfast/sdk/spooled-event'
import { Nudge } from '../nudge.ts'
import type { Segment } from './journal.ts'
import { SpoolLimiter, type SpoolLimits } from './limit.ts'
import type { Spool } from './spool.ts'

/** A segment that is settled is replaced by a new one from this size on; a smaller one is gone on with. */
const worthSealingBytes = 64 * 1024
const idleMs = 5_000
const firstWaitMs = 500
const longestWaitMs = 60_000

export interface Forwarded {
  /** Events that the server settled now. */
  settled: number
  /** Events refused for good, which were put aside. */
  refused: EventRefusedError[]
  /** What the last ack said. */
  stats: IngestStats | undefined
}

export interface ForwarderOptions {
  spool: Spool
  client: Holdfast
  /** What the spool is held to while nothing gets through. @defaultValue 256 MiB and 30 days */
  limits?: SpoolLimits | undefined
  /** Hears why nothing gets through, each time it is tried. */
  onTrouble?: (error: unknown, waitMs: number) => void
}

/**
 * Sends what a spool holds, oldest first, and removes what the server has settled. Several at once on one spool, and
 * one that is killed at any point, cost duplicates, which the server counts once.
 */
export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #limiter: SpoolLimiter
  readonly #stopping = new AbortController()
  readonly #nudge = new Nudge()
  #running: Promise<void> | undefined

  constructor(options: ForwarderOptions) {
    this.#options = options
    this.#limiter = new SpoolLimiter(options.spool, options.limits)
  }

  /** Forwards for as long as it is not stopped, with unlimited patience. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Something was appended: do not wait for the next round. */
  nudge(): void {
    this.#nudge.give()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.nudge()
    await this.#running
  }

  /**
   * Sends what there is now. Rejects with the SDK's error when the server does not take it within `timeoutMs`; what
   * was settled until then is noted, and {@link holdToLimits} says what to do about the rest.
   *
   * @param options.timeoutMs for all of it. @defaultValue no limit
   */
  async drain(options: { timeoutMs?: number; signal?: AbortSignal } = {}): Promise<Forwarded> {
    const deadline = performance.now() + (options.timeoutMs ?? Number.POSITIVE_INFINITY)
    const total: Forwarded = { settled: 0, refused: [], stats: undefined }
    const segments = this.#options.spool.segments()
    for (const [index, segment] of segments.entries()) {
      await this.#drainSegment(segment, index === segments.length - 1, { deadline, total, ...options })
    }
    return total
  }

  /** Drops what the spool keeps beyond its limits. Done by itself when {@link start}ed and nothing gets through. */
  holdToLimits(): void {
    this.#limiter.step()
  }

  async #drainSegment(segment: Segment, newest: boolean, round: Round): Promise<void> {
    const { spool } = this.#options
    const { bytes, settled } = await this.#send(segment, 0, round)
    if (newest && !segment.sealed && bytes < worthSealingBytes) return
    const sealed = spool.seal(segment)
    // What came between the reading and the sealing.
    await this.#send(sealed, settled, round)
    const { damagedBytes, tornBytes } = spool.read(sealed)
    spool.discard(sealed, damagedBytes + tornBytes > 0)
  }

  /**
   * Sends what of a segment is not settled, and gives the size of its events and how many are settled then.
   *
   * @param known how many are, also when a full disk took no note of it.
   */
  async #send(
    segment: Segment,
    known: number,
    { deadline, total, signal }: Round,
  ): Promise<{ bytes: number; settled: number }> {
    const { spool, client } = this.#options
    const { events } = spool.read(segment)
    const acked = Math.min(Math.max(spool.acked(segment), known), events.length)
    const bytes = events.reduce((sum, event) => sum + event.length, 0)
    if (acked === events.length) return { bytes, settled: acked }
    let postponed: { error: Error; seq: number } | undefined
    const stream = client.ingest({
      source: spool.source,
      epoch: segment.epoch,
      firstSeq: acked + 1,
      onRefused: (error) => {
        const { reason, detail, metadata } = error
        const seq = Number(metadata.eventSeq)
        // The one refusal that passes: the event and what follows it are sent again.
        if (reason === 'QUOTA_EXCEEDED') {
          postponed ??= { error, seq }
          return
        }
        const id = metadata.eventId ?? ''
        const kept = events[seq - 1]?.toString('base64') ?? ''
        try {
          spool.setAside({ id, epoch: String(segment.epoch), reason, message: detail, event: kept })
          total.refused.push(error)
        } catch (cause) {
          // A disk that takes nothing: it stays where it is, and what follows it as well.
          postponed ??= { error: cause as Error, seq }
        }
      },
    })
    const left = () =>
      deadline === Number.POSITIVE_INFINITY ? undefined : Math.max(1, deadline - performance.now())
    const until = AbortSignal.any([
      ...(signal === undefined ? [] : [signal]),
      ...(left() === undefined ? [] : [AbortSignal.timeout(Math.ceil(left()!))]),
    ])
    try {
      for (const [index, event] of events.entries()) {
        if (index >= acked) await stream.send({ ...decodeEvent(event), seq: index + 1 }, { signal: until })
      }
      await stream.flush({ timeoutMs: left(), signal })
    } finally {
      const { stats } = stream
      total.stats = stats
      total.settled += stats.acked
      const upTo = postponed === undefined ? stats.ackedSeq : Math.min(stats.ackedSeq, postponed.seq - 1)
      if (upTo > acked) spool.noteAcked(segment, upTo)
      await stream.close({ timeoutMs: 1 }).catch(() => {})
    }
    if (postponed !== undefined) throw postponed.error
    return { bytes, settled: events.length }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { onTrouble } = this.#options
    for (let failures = 0; !signal.aborted; ) {
      let waitMs = idleMs
      this.#nudge.forget()
      try {
        await this.drain({ signal })
        failures = 0
      } catch (error) {
        if (signal.aborted) return
        waitMs = Math.min(longestWaitMs, firstWaitMs * 2 ** failures++) * (0.5 + Math.random() / 2)
        onTrouble?.(error, waitMs)
        this.#holdQuietly(waitMs)
        // What came meanwhile does not make the server any better.
        this.#nudge.forget()
      }
      await this.#nudge.rest(waitMs, signal)
    }
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
  signal?: AbortSignal
}
