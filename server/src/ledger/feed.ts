import type { Logger } from 'pino'
import { revisionCompacted } from '../domain/lost-position.ts'
import { readChanges, readLedgerHead } from '../store/read-changes.ts'
import type { Store } from '../store/store.ts'
import { FeedEntry } from './feed-entry.ts'
import type { Commit } from './group-writer.ts'

const PAGE_CHANGES = 1000
/** A message of the feed holds about this much, whole revisions; clients take 4 MiB unless told otherwise. */
const ENTRY_BYTES = 512 * 1024

export interface FeedOptions {
  store: Store
  log: Logger
  /** How much of the past is kept in memory; who is further behind reads the database. @defaultValue 16 MiB */
  memoryBytes?: number
  /** How often the database is asked whether others wrote; the truth behind every notification. @defaultValue 500 */
  pollMs?: number
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
  readonly #entries: FeedEntry[] = []
  #bytes = 0
  #epoch = 0n
  #head = 0n
  #tailing: Promise<void> | undefined
  #tailAgain = false
  #timer: NodeJS.Timeout | undefined
  #stopped = false
  #woken = Promise.withResolvers<void>()

  constructor({ store, log, memoryBytes = 16 << 20, pollMs = 500 }: FeedOptions) {
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
    const { epoch, head } = await readLedgerHead(this.#store)
    this.#epoch = epoch
    this.#head = head
    this.#schedule()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    this.#wake()
    await this.#tailing
  }

  /** Takes what this process has just committed. */
  publish({ epoch, from, to, committedAt, changes }: Commit): void {
    if (epoch !== this.#epoch || from !== this.#head) {
      this.refresh()
      return
    }
    const entries = entriesOf(
      epoch,
      { from, to },
      changes.map((change) => ({ ...change, committedAt })),
    )
    for (const entry of entries) this.#append(entry)
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
    this.#tailing = this.#tail().finally(() => {
      this.#tailing = undefined
    })
    await this.#tailing
  }

  /** Resolves when there may be more to give, and at every poll. */
  changed(): Promise<void> {
    return this.#woken.promise
  }

  /**
   * The next revisions after `after`, from memory, or from the database when they are older than memory holds.
   * Undefined: nothing yet. Throws REVISION_COMPACTED for what is no longer kept.
   */
  async next(after: bigint): Promise<FeedEntry | undefined> {
    const entry = this.nextInMemory(after)
    if (entry !== undefined || after >= this.#head) return entry
    const epoch = this.#epoch
    const changes = await readChanges(this.#store, after, PAGE_CHANGES)
    // Asked afterwards: a compaction in between may have taken some of what should have been read.
    const { compacted } = await readLedgerHead(this.#store)
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
    while (this.#bytes > this.#memoryBytes && this.#entries.length > 1) {
      this.#bytes -= this.#entries.shift()!.bytes
    }
  }

  async #tail(): Promise<void> {
    do {
      this.#tailAgain = false
      const { epoch, head } = await readLedgerHead(this.#store)
      if (epoch !== this.#epoch) {
        this.#log.warn({ from: this.#epoch, to: epoch }, 'the ledger has a new epoch')
        this.#entries.length = 0
        this.#bytes = 0
        this.#epoch = epoch
        this.#head = head
      }
      while (this.#head < head) {
        const from = this.#head
        const changes = await readChanges(this.#store, from, PAGE_CHANGES)
        // This process may have published the same meanwhile.
        if (this.#head !== from) continue
        const to = changes.at(-1)?.revision
        if (to === undefined) break
        for (const entry of entriesOf(epoch, { from, to }, changes)) this.#append(entry)
        this.#wake()
      }
    } while (this.#tailAgain && !this.#stopped)
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
    const woken = this.#woken
    this.#woken = Promise.withResolvers()
    woken.resolve()
  }
}

/** Cuts changes into entries of a size that fits a message, between revisions only. */
function entriesOf(
  epoch: bigint,
  span: { from: bigint; to: bigint },
  changes: ConstructorParameters<typeof FeedEntry>[2],
): FeedEntry[] {
  const entries: FeedEntry[] = []
  let { from } = span
  let begin = 0
  let bytes = 0
  for (const [i, change] of changes.entries()) {
    const next = changes[i + 1]
    bytes += change.body.length
    if (next !== undefined && (bytes < ENTRY_BYTES || next.revision === change.revision)) continue
    const to = next === undefined ? span.to : change.revision
    entries.push(new FeedEntry(epoch, { from, to }, changes.slice(begin, i + 1)))
    from = to
    begin = i + 1
    bytes = 0
  }
  return entries
}
