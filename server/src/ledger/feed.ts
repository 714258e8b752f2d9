import type { Logger } from 'pino'
import { epochChanged, revisionCompacted } from '../domain/lost-position.ts'
import { beginEpoch, type KnownCommit, lacksCommit } from '../store/begin-epoch.ts'
import type { Queries } from '../store/connections.ts'
import { readChanges, type StoredChange } from '../store/read-changes.ts'
import { type LedgerStand, readLedger } from '../store/read-ledger.ts'
import type { Store } from '../store/store.ts'
import { entriesOf, type FeedChange, type FeedEntry } from './feed-entry.ts'
import type { Commit } from './group-writer.ts'

/** A page of the change table is about this much, and a number of changes within these bounds. */
const PAGE_BYTES = 1 << 20
const PAGE_CHANGES = { least: 20, most: 1000 }
/** So many of the newest entries keep their encodings. */
const NEW_ENTRIES = 16
/**
 * So many listeners are woken in one turn of the event loop. With 100 the first of a thousand heard 0.4 ms later, and who
 * wrote got the answer 1 ms later; 25 took what 50 won away from the last of them. See bench/watch.ts.
 */
const WAKE_AT_ONCE = 50

export interface FeedOptions {
  store: Store
  log: Logger
  /** How much of the past is kept in memory; who is further behind reads the database. @defaultValue 16 MiB */
  memoryBytes?: number
  /** How often the database is asked whether others wrote; the truth behind every notification. @defaultValue 500 */
  pollMs?: number
  /** Told of all changes as they come in, and of a gap: then what came in between cannot be told. */
  follower?: FeedTail
}

/** Who is told of every change, whoever made it. */
export interface FeedTail {
  changed(changes: readonly FeedChange[]): void
  gap(): void
}

/**
 * The change feed of this process: one tail reader, whatever the number of watchers. What this process commits
 * comes from memory; what others commit is read from the change table when a notification or the poll says so.
 * Revisions are dense, so a gap cannot be overlooked. Watchers hold a revision and no buffer: one that is slow
 * costs nothing but the read with which it catches up.
 */
export class Feed {
  readonly #store: Store
  readonly #log: Logger
  readonly #memoryBytes: number
  readonly #pollMs: number
  readonly #follower: FeedTail | undefined
  readonly #entries: FeedEntry[] = []
  #bytes = 0
  #pageChanges = 100
  #epoch = 0n
  #head = 0n
  #timeline = 0
  /** The last commit that is in it. */
  #last: KnownCommit | undefined
  #tailing: Promise<void> | undefined
  #tailAgain = false
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #listeners: { wake(): void }[] = []
  /** Whose turn it is to be woken. */
  #waking: { wake(): void }[] = []

  constructor({ store, log, memoryBytes = 16 << 20, pollMs = 500, follower }: FeedOptions) {
    this.#follower = follower
    this.#store = store
    this.#log = log
    this.#memoryBytes = memoryBytes
    this.#pollMs = pollMs
  }

  get epoch(): bigint {
    return this.#epoch
  }

  /** The last revision that this feed can give. */
  get head(): bigint {
    return this.#head
  }

  get stopped(): boolean {
    return this.#stopped
  }

  async start(): Promise<void> {
    const { epoch, head, timeline } = await readLedger(this.#store)
    this.#epoch = epoch
    this.#head = head
    this.#timeline = timeline
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#wake()
    await this.#tailing?.catch(() => {})
  }

  /** Takes what this process has just committed. */
  publish({ epoch, from, to, committedAt, changes }: Commit): void {
    if (epoch !== this.#epoch || from !== this.#head) {
      this.refresh()
      return
    }
    for (const change of changes) change.committedAt = committedAt
    const entries = entriesOf(epoch, { from, to }, changes)
    for (const entry of entries) this.#append(entry)
    for (const entry of entries) this.#follower?.changed(entry.changes)
    this.#wake()
  }

  /** Looks for what others have committed, soon. */
  refresh(): void {
    void this.caughtUp().catch((error: unknown) => {
      this.#log.warn({ err: error }, 'the change feed could not read the database; trying again')
    })
  }

  /** Resolves when everything committed before this call is in the feed. */
  async caughtUp(): Promise<void> {
    if (this.#tailing !== undefined) {
      // The run under way may have looked already; the next one begins after this call.
      this.#tailAgain = true
      await this.#tailing
      return
    }
    this.#tailing = this.#tail()
    await this.#tailing
  }

  /** Calls `wake` once, when there may be more to give, and at the next poll at the latest. */
  listen(listener: { wake(): void }): void {
    this.#listeners.push(listener)
  }

  /**
   * The next revisions after `after`, from memory, or from the database when they are older than memory holds.
   * Undefined: nothing yet. Throws REVISION_COMPACTED for what is no longer kept, EPOCH_CHANGED when the
   * database has another history than the one that `after` is of.
   */
  async next(after: bigint): Promise<FeedEntry | undefined> {
    const entry = this.nextInMemory(after)
    if (entry !== undefined || after >= this.#head) return entry
    const known = this.#epoch
    const changes = await this.#page(after, this.#store)
    // Asked afterwards: a compaction in between may have taken some of what should have been read.
    const { epoch, compacted } = await readLedger(this.#store)
    if (epoch !== known) throw epochChanged(known, epoch)
    if (after < compacted) throw revisionCompacted(after, compacted)
    return entriesOf(epoch, { from: after, to: changes.at(-1)?.revision ?? after }, changes)[0]
  }

  /** As `next`, without looking at the database. */
  nextInMemory(after: bigint): FeedEntry | undefined {
    const entries = this.#entries
    if (entries.length === 0 || after < entries[0]!.from || after >= this.#head) return undefined
    // Nearly every watcher is at the last entry or the one before.
    let index = entries.length - 1
    if (entries[index]!.from > after) {
      let low = 0
      let high = index - 1
      while (low < high) {
        const middle = (low + high + 1) >> 1
        if (entries[middle]!.from <= after) low = middle
        else high = middle - 1
      }
      index = low
    }
    const entry = entries[index]!
    return entry.from === after ? entry : entry.after(after)
  }

  #append(entry: FeedEntry): void {
    this.#entries.push(entry)
    this.#bytes += entry.bytes
    this.#head = entry.to
    const { committedAt } = entry.changes.at(-1)!
    this.#last = { epoch: entry.epoch, revision: entry.to, committedAt }
    this.#entries.at(-1 - NEW_ENTRIES)?.release()
    while (this.#bytes > this.#memoryBytes && this.#entries.length > 1) {
      this.#bytes -= this.#entries.shift()!.bytes
    }
  }

  async #tail(): Promise<void> {
    try {
      do {
        this.#tailAgain = false
        const known = this.#head
        let ledger = await readLedger(this.#store.prompt)
        if (await this.#hasLost(ledger, known)) {
          this.#log.error(
            { known, head: ledger.head },
            'the database has lost revisions; beginning a new epoch',
          )
          await beginEpoch(this.#store.prompt, ledger.epoch)
          ledger = await readLedger(this.#store.prompt)
        }
        this.#leaveBehind(ledger)
        while (this.#head < ledger.head) {
          const from = this.#head
          const changes = await this.#page(from, this.#store.prompt)
          // Asked afterwards, as in `next`.
          ledger = await readLedger(this.#store.prompt)
          if (this.#leaveBehind(ledger)) break
          // This process may have published the same meanwhile.
          if (this.#head !== from) continue
          const to = changes.at(-1)?.revision
          if (to === undefined) break
          for (const entry of entriesOf(this.#epoch, { from, to }, changes)) {
            this.#append(entry)
            this.#follower?.changed(entry.changes)
          }
          this.#wake()
        }
      } while (this.#tailAgain && !this.#stopped)
    } finally {
      // At once and not after another turn, or a call of `caughtUp` in between would wait for nothing.
      this.#tailing = undefined
    }
  }

  /** Whether the database does not have what is in this feed: it has less, or after a failover something else. */
  async #hasLost(ledger: LedgerStand, known: bigint): Promise<boolean> {
    if (ledger.epoch !== this.#epoch) return false
    if (ledger.head < known) return true
    if (ledger.timeline === this.#timeline) return false
    const lost = this.#last !== undefined && (await lacksCommit(this.#store.prompt, this.#last))
    if (!lost) this.#timeline = ledger.timeline
    return lost
  }

  /** Goes on from the head when what is in between cannot be told: it is of another epoch, or no longer kept. */
  #leaveBehind({ epoch, head, compacted, timeline }: LedgerStand): boolean {
    if (epoch === this.#epoch && this.#head >= compacted) return false
    this.#log.warn(
      { from: { epoch: this.#epoch, head: this.#head }, to: { epoch, head, compacted } },
      'the change feed cannot go on from where it is; watches that are not further end with an error',
    )
    this.#entries.length = 0
    this.#bytes = 0
    this.#epoch = epoch
    this.#head = head
    this.#timeline = timeline
    this.#last = undefined
    this.#follower?.gap()
    this.#wake()
    return true
  }

  /** The next changes after `after`, about a page of them. */
  async #page(after: bigint, database: Queries): Promise<StoredChange[]> {
    const changes = await readChanges(database, after, this.#pageChanges)
    if (changes.length > 0) {
      const bytes = changes.reduce((sum, { body, before }) => sum + body.length + (before?.length ?? 0), 0)
      const fitting = Math.floor((PAGE_BYTES * changes.length) / bytes)
      this.#pageChanges = Math.max(PAGE_CHANGES.least, Math.min(PAGE_CHANGES.most, fitting))
    }
    return changes
  }

  #schedule(): void {
    if (this.#stopped) return
    this.#timer = setTimeout(async () => {
      await this.caughtUp().catch((error: unknown) => {
        this.#log.warn({ err: error }, 'the change feed could not read the database; trying again')
      })
      this.#wake()
      this.#schedule()
    }, this.#pollMs)
    this.#timer.unref()
  }

  #wake(): void {
    const underWay = this.#waking.length > 0
    this.#waking = this.#waking.concat(this.#listeners)
    this.#listeners = []
    if (!underWay) this.#wakeSome()
  }

  /**
   * Some at a time: what they write leaves this process, and is read, while the next ones write. All at once, the
   * first of a thousand clients heard of a change when the last one's message was written.
   */
  #wakeSome(): void {
    const some = this.#waking.slice(0, this.#stopped ? undefined : WAKE_AT_ONCE)
    this.#waking = this.#waking.slice(some.length)
    for (const listener of some) listener.wake()
    if (this.#waking.length > 0) setImmediate(() => this.#wakeSome())
  }
}
