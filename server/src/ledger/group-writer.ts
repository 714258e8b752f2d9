import type { Logger } from 'pino'
import type { Command } from '../domain/command.ts'
import { HoldfastError } from '../domain/error.ts'
import { DAY_MS, type Instant } from '../domain/instant.ts'
import { LoadKeys } from '../domain/load-keys.ts'
import type { ChangeRecord, WorkingSet } from '../domain/working-set.ts'
import { monthOf } from '../store/event-partitions.ts'
import type { Store } from '../store/store.ts'
import { storeError } from '../store/store-error.ts'
import type { WriterSession } from '../store/writer-session.ts'

/** What one transaction changed: the revisions after `from`, up to `to`. */
export interface Commit {
  epoch: bigint
  from: bigint
  to: bigint
  committedAt: Instant
  changes: ChangeRecord[]
}

export interface GroupWriterOptions {
  store: Store
  log: Logger
  /** Called after each commit that changed the state, in order. */
  onCommit: (commit: Commit) => void
  /** A transaction takes commands until they hold this many bytes. @defaultValue 1 MiB */
  batchBytes?: number
  /** Commands wait outside while those in the queue hold this many bytes. @defaultValue 32 MiB */
  queueBytes?: number
}

const MARGIN_DAYS = 31

interface Pending {
  command: Command<unknown>
  signal: AbortSignal | undefined
  resolve: (result: never) => void
  reject: (error: unknown) => void
}

/**
 * All writes of this process. Commands queue; while one transaction commits the next batch gathers, and nobody
 * waits for a timer. Each command is decided in order, under the ledger's lock, on the state that the ones
 * before it left; one that is refused fails alone. An answer is given after the commit and never before.
 */
export class GroupWriter {
  readonly #store: Store
  readonly #log: Logger
  readonly #onCommit: (commit: Commit) => void
  readonly #batchBytes: number
  readonly #queueBytes: number
  #queue: Pending[] = []
  #queuedBytes = 0
  #session: WriterSession | undefined
  #running: Promise<void> | undefined
  #stopped = false
  /** Commands for which the queue has no room yet. In order: one source's batches must not pass each other. */
  readonly #waiting: Pending[] = []
  /** The furthest point this process has acknowledged: a database behind it has lost revisions. */
  #acknowledged = { epoch: 0n, head: 0n }

  constructor({ store, log, onCommit, batchBytes = 1 << 20, queueBytes = 32 << 20 }: GroupWriterOptions) {
    this.#store = store
    this.#log = log
    this.#onCommit = onCommit
    this.#batchBytes = batchBytes
    this.#queueBytes = queueBytes
  }

  /**
   * Decides a command and makes it durable. Rejects with what `decide` threw, or with STORE_UNAVAILABLE when
   * the database went away: then it may or may not have been done, and may be sent again.
   */
  submit<Result>(command: Command<Result>, signal?: AbortSignal): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.#waiting.push({ command, signal, resolve, reject })
      this.#admit()
    })
  }

  /** Connects, and finds out whether this database is the one the ledger last knew. */
  async start(): Promise<void> {
    await this.#openSession()
  }

  /** Refuses new commands, finishes those that wait, and closes the connection. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#admit()
    await this.#running
    await this.#session?.close()
    this.#session = undefined
  }

  /** Whether the table of locks has anything due. */
  hasDueLocks(now: Instant): boolean {
    return this.#session?.locks === undefined || this.#session.locks.hasDue(now)
  }

  async #run(): Promise<void> {
    // Commands of the same turn of the event loop, such as those of one read from a socket, go together.
    await null
    while (this.#queue.length > 0) {
      const batch = this.#take()
      this.#admit()
      try {
        await this.#write(batch)
      } catch (error) {
        await this.#recover(batch, error)
      }
    }
    this.#running = undefined
  }

  #take(): Pending[] {
    let bytes = 0
    let count = 0
    while (count < this.#queue.length && bytes < this.#batchBytes) bytes += this.#queue[count++]!.command.size
    this.#queuedBytes -= bytes
    return this.#queue.splice(0, count)
  }

  /** Moves commands into the queue while there is room. */
  #admit(): void {
    while (this.#waiting.length > 0 && (this.#stopped || this.#queuedBytes <= this.#queueBytes)) {
      const pending = this.#waiting.shift()!
      if (this.#stopped) pending.reject(stopping())
      else if (pending.signal?.aborted) pending.reject(pending.signal.reason)
      else {
        this.#queue.push(pending)
        this.#queuedBytes += pending.command.size
        this.#running ??= this.#run()
      }
    }
  }

  async #write(batch: Pending[]): Promise<void> {
    const session = await this.#openSession()
    const { partitions } = this.#store
    const keys = new LoadKeys()
    for (const { command } of batch) command.collect(keys)
    await partitions.ensure(this.#months(keys))

    const state = await session.begin(keys, partitions)
    const headBefore = state.head
    if (state.epoch === this.#acknowledged.epoch && headBefore < this.#acknowledged.head) {
      await session.rollback()
      await session.ensureEpoch({ force: true })
      throw new HoldfastError(
        'STORE_UNAVAILABLE',
        'the database has lost revisions and began a new epoch; try again',
        {
          retryAfterMs: 0,
        },
      )
    }
    const answers = batch.map((pending) => decide(pending, state))
    await session.commit(state, headBefore)

    this.#acknowledged = { epoch: state.epoch, head: state.head }
    for (const answer of answers) answer()
    if (state.head > headBefore) {
      this.#onCommit({
        epoch: state.epoch,
        from: headBefore,
        to: state.head,
        committedAt: state.now,
        changes: state.changes,
      })
    }
  }

  /**
   * The months that the batch's events fall in, but for those that will be refused for their time. The clock
   * here is this process's, and the one that decides is the database's: hence the margin.
   */
  #months(keys: LoadKeys): Set<string> {
    const now = Date.now()
    const micros = (days: number): bigint => BigInt(now + days * DAY_MS) * 1000n
    const latest = micros(MARGIN_DAYS)
    const months = new Set<string>()
    for (const { occurredAt, retentionDays } of keys.events) {
      if (occurredAt < latest && occurredAt > micros(-retentionDays - MARGIN_DAYS)) {
        months.add(monthOf(occurredAt))
      }
    }
    // Changes made by calls to the API are events of now.
    months.add(monthOf(micros(0)))
    return months
  }

  async #openSession(): Promise<WriterSession> {
    if (this.#session?.broken) {
      await this.#session.close()
      this.#session = undefined
    }
    if (this.#session === undefined) {
      const session = await this.#store.openWriter()
      await session.ensureEpoch()
      this.#session = session
    }
    return this.#session
  }

  async #recover(batch: Pending[], error: unknown): Promise<void> {
    const failed = storeError(error)
    if (failed instanceof HoldfastError) {
      this.#log.warn({ err: error, commands: batch.length }, 'a batch could not be written')
      await this.#discardSession()
      for (const { reject } of batch) reject(failed)
      return
    }
    await this.#discardSession()
    const stale = this.#store.partitions.forgetIfDropped(error)
    if (batch.length === 1 && !stale) {
      batch[0]!.reject(error)
      return
    }
    // Something in the batch cannot be written: each alone, so that only the one at fault fails.
    this.#log.error({ err: error, commands: batch.length }, 'a batch failed; writing its commands one by one')
    for (const pending of batch) {
      try {
        await this.#write([pending])
      } catch (cause) {
        await this.#discardSession()
        pending.reject(storeError(cause))
      }
    }
  }

  async #discardSession(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.close()
  }
}

const stopping = (): HoldfastError =>
  new HoldfastError('SERVER_DRAINING', 'this server is stopping; try again at another', { retryAfterMs: 200 })

/** Decides one command; gives what answers its caller once the batch is committed. */
function decide({ command, resolve, reject }: Pending, state: WorkingSet): () => void {
  try {
    const result = command.decide(state)
    return () => resolve(result as never)
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error
    return () => reject(error)
  }
}
