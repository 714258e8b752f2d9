import type { Logger } from 'pino'
import type { Command } from '../domain/command.ts'
import { HoldfastError } from '../domain/error.ts'
import type { Instant } from '../domain/instant.ts'
import { LoadKeys } from '../domain/load-keys.ts'
import type { ChangeRecord } from '../domain/rows.ts'
import type { WorkingSet } from '../domain/working-set.ts'
import { monthsToWrite } from '../store/event-partitions.ts'
import type { Store } from '../store/store.ts'
import { storeError } from '../store/store-error.ts'
import type { WriterSession } from '../store/writer-session.ts'
import { CommandQueue, type Pending } from './command-queue.ts'
import { KeptSession } from './kept-session.ts'

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

/** So many batches may be on their way to the database at once, each decided on what the one before leaves. */
const MOST_UNDER_WAY = 3
/** With nothing under way so many commands are split into as many: one part is decided while another is written. */
const SPLIT_FROM = 32

/** A batch that was decided on an assumption, on its way to the database. */
interface UnderWay {
  batch: Pending[]
  state: WorkingSet
  answers: (() => void)[]
  /** When it was committed; undefined when the assumption was wrong. */
  done: Promise<Instant | undefined>
}

/**
 * All writes of this process. Commands queue; while one transaction commits the next batch gathers, and nobody
 * waits for a timer. Each command is decided in order, under the ledger's lock, on the state that the ones
 * before it left; one that is refused fails alone. An answer is given after the commit and never before.
 *
 * A batch that needs no more than what this process knows of the ledger is decided before the lock is taken, and
 * committed only if the ledger is as it was assumed to be; else it is revoked, and decided again under the lock.
 */
export class GroupWriter {
  readonly #store: Store
  readonly #log: Logger
  readonly #onCommit: (commit: Commit) => void
  readonly #batchBytes: number
  readonly #queue: CommandQueue
  readonly #session: KeptSession
  #woken = false
  /** Whether a batch is being written that nothing may go beside. */
  #alone = false
  readonly #underWay: UnderWay[] = []
  /** Ends when nothing is under way. */
  #following: Promise<void> | undefined
  #onIdle: (() => void) | undefined
  /** The furthest point this process has acknowledged: a database behind it has lost revisions. */
  #acknowledged = { epoch: 0n, head: 0n }

  constructor({ store, log, onCommit, batchBytes = 1 << 20, queueBytes = 32 << 20 }: GroupWriterOptions) {
    this.#store = store
    this.#log = log
    this.#onCommit = onCommit
    this.#batchBytes = batchBytes
    this.#session = new KeptSession({ store, log })
    this.#queue = new CommandQueue({ mostBytes: queueBytes, onCommand: () => this.#wake() })
  }

  /**
   * Decides a command and makes it durable. Rejects with what `decide` threw, or with STORE_UNAVAILABLE when
   * the database went away: then it may or may not have been done, and may be sent again.
   */
  submit<Result>(command: Command<Result>, signal?: AbortSignal): Promise<Result> {
    return this.#queue.submit(command, signal)
  }

  /** Connects, and finds out whether this database is the one the ledger last knew. */
  async start(): Promise<void> {
    await this.#session.open()
  }

  /** Refuses new commands, finishes those that wait, and closes the connection. */
  async stop(): Promise<void> {
    this.#queue.stop()
    if (this.#isBusy) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    await this.#session.discard()
  }

  /** Whether the table of locks has anything due. */
  hasDueLocks(now: Instant): boolean {
    const session = this.#session.current
    return session?.locks === undefined || session.broken || session.locks.hasDue(now)
  }

  get #isBusy(): boolean {
    return this.#alone || this.#underWay.length > 0 || this.#queue.length > 0
  }

  /** Commands of the same turn of the event loop, such as those of one read from a socket, go together. */
  #wake(): void {
    if (this.#woken) return
    this.#woken = true
    queueMicrotask(() => {
      this.#woken = false
      this.#advance()
    })
  }

  #advance(): void {
    while (!this.#alone && this.#queue.length > 0 && this.#underWay.length < MOST_UNDER_WAY) {
      const { current } = this.#session
      const session = current?.mayAssume && this.#queue.isAtHand ? current : undefined
      const splits = session !== undefined && this.#underWay.length === 0 && this.#queue.length >= SPLIT_FROM
      const most = splits ? Math.ceil(this.#queue.length / MOST_UNDER_WAY) : Number.POSITIVE_INFINITY
      const batch = this.#queue.take(this.#batchBytes, most)
      if (session === undefined || !this.#assume(batch, session)) void this.#writeAlone(batch)
    }
    if (!this.#isBusy) this.#onIdle?.()
  }

  /** Decides a batch and sends it. False when it needs more than what is known. */
  #assume(batch: Pending[], session: WriterSession): boolean {
    const state = session.assume(keysOf(batch))
    if (state === undefined) return false
    let answers: (() => void)[]
    try {
      answers = batch.map((pending) => decide(pending, state))
    } catch {
      // A fault of ours: under the lock it is found to be that of one command.
      state.revoke()
      return false
    }
    const done = session.commitAssumed(state)
    done.catch(() => {})
    this.#underWay.push({ batch, state, answers, done })
    this.#following ??= this.#follow()
    return true
  }

  /** Waits for the batches that are under way, in order. */
  async #follow(): Promise<void> {
    for (let next = this.#underWay[0]; next !== undefined; next = this.#underWay[0]) {
      const committedAt = await next.done.catch((error: unknown) => ({ error }))
      if (typeof committedAt === 'bigint') {
        this.#underWay.shift()
        this.#acknowledge(next, committedAt)
        this.#advance()
      } else {
        const wasAlone = this.#alone
        this.#alone = true
        await this.#writeAgain(this.#underWay.splice(0), committedAt?.error)
        this.#alone = wasAlone
      }
    }
    this.#following = undefined
    this.#advance()
  }

  /** Takes back batches that were sent on an assumption, and writes them under the lock unless the database is gone. */
  async #writeAgain(lost: UnderWay[], error: unknown): Promise<void> {
    const outcomes = await Promise.allSettled(lost.map(({ done }) => done))
    const again: UnderWay[] = []
    const [{ state: first }] = lost as [UnderWay]
    let revision = first.from.head
    for (const [at, underWay] of lost.entries()) {
      const outcome = outcomes[at]!
      if (outcome.status === 'fulfilled' && outcome.value !== undefined) {
        // The one before it changed nothing, and was wrong about a lease only.
        this.#acknowledge(underWay, outcome.value)
        revision = underWay.state.head
      } else again.push(underWay)
    }
    for (const { state } of again.toReversed()) state.revoke()
    first.locks.revision = revision
    const batch = again.flatMap((underWay) => underWay.batch)
    if (error === undefined) await this.#writeOrRecover(batch)
    else await this.#recover(batch, error)
  }

  async #writeAlone(batch: Pending[]): Promise<void> {
    this.#alone = true
    await this.#following
    await this.#writeOrRecover(batch)
    this.#alone = false
    this.#advance()
  }

  async #writeOrRecover(batch: Pending[]): Promise<void> {
    try {
      await this.#write(batch)
    } catch (error) {
      await this.#recover(batch, error)
    }
  }

  async #write(batch: Pending[]): Promise<void> {
    const session = await this.#session.open()
    const { partitions } = this.#store
    const keys = keysOf(batch)
    await partitions.ensure(monthsToWrite(keys.events))

    const state = await session.begin(keys, partitions)
    if (state.epoch === this.#acknowledged.epoch && state.head < this.#acknowledged.head) {
      await session.rollback()
      await this.#session.enterEpoch(session, true)
      throw new HoldfastError(
        'STORE_UNAVAILABLE',
        'the database has lost revisions and began a new epoch; try again',
        {
          retryAfterMs: 0,
        },
      )
    }
    const answers = batch.map((pending) => decide(pending, state))
    this.#acknowledge({ state, answers }, await session.commit(state))
  }

  #acknowledge({ state, answers }: Pick<UnderWay, 'state' | 'answers'>, committedAt: Instant): void {
    const { epoch, from, head: to, changes } = state
    this.#acknowledged = { epoch, head: to }
    for (const answer of answers) answer()
    if (to === from.head) return
    this.#session.committed({ epoch, revision: to, committedAt })
    this.#onCommit({ epoch, from: from.head, to, committedAt, changes })
  }

  async #recover(batch: Pending[], error: unknown): Promise<void> {
    const failed = storeError(error)
    if (failed instanceof HoldfastError) {
      this.#log.warn({ err: error, commands: batch.length }, 'a batch could not be written')
      await this.#session.discard()
      for (const { reject } of batch) reject(failed)
      return
    }
    await this.#session.discard()
    const stale = this.#store.partitions.forgetIfDropped(error)
    if (batch.length === 1 && !stale) {
      batch[0]!.reject(error)
      return
    }
    // Something in the batch cannot be written: each alone, so that only the one at fault fails.
    this.#log.error({ err: error, commands: batch.length }, 'a batch failed; writing its commands one by one')
    for (const [at, pending] of batch.entries()) {
      try {
        await this.#write([pending])
      } catch (cause) {
        await this.#session.discard()
        const why = storeError(cause)
        pending.reject(why)
        if (!(why instanceof HoldfastError)) continue
        // The database is away: the rest would each wait in vain for a connection.
        for (const { reject } of batch.slice(at + 1)) reject(why)
        return
      }
    }
  }
}

/** What a batch wants to see. */
function keysOf(batch: Pending[]): LoadKeys {
  const keys = new LoadKeys()
  for (const { command } of batch) command.collect(keys)
  return keys
}

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
