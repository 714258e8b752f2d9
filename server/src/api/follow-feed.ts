import type { WatchStateResponse } from '../../../proto/gen/holdfast/v1/watch.ts'
import { HoldfastError } from '../domain/error.ts'
import { epochChanged } from '../domain/lost-position.ts'
import type { Feed } from '../ledger/feed.ts'
import type { FeedFilter } from '../ledger/feed-entry.ts'
import { Encoded } from './handler.ts'

/** Below the 5 s that are promised, by more than the feed's poll, which is what wakes an idle watcher. */
export const PROGRESS_MS = 4000

type Step = WatchStateResponse | Encoded
type Result = IteratorResult<Step, undefined>

/**
 * Everything after a revision, as it is committed. It holds that revision and no buffer.
 *
 * Written by hand, and woken by a call rather than a promise: a thousand of these wake for one commit, and as
 * an async generator each took a quarter of what a delivery costs.
 */
export class FeedFollower implements AsyncIterator<Step, undefined> {
  readonly #feed: Feed
  readonly #filter: FeedFilter
  readonly #epoch: bigint
  #cursor: bigint
  /** What is left of the entry that ends at `#entryTo`. */
  #parts: readonly Buffer[] = []
  #entryTo: bigint
  /** At once, so that a client that resumes learns where it stands. */
  #spokenAt = Number.NEGATIVE_INFINITY
  #waiting: { resolve: (result: Result) => void; reject: (error: unknown) => void } | undefined
  #ended = false

  constructor(
    feed: Feed,
    { filter, epoch, revision }: { filter: FeedFilter; epoch: bigint; revision: bigint },
  ) {
    this.#feed = feed
    this.#filter = filter
    this.#epoch = epoch
    this.#cursor = revision
    this.#entryTo = revision
  }

  next(): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      this.wake()
    })
  }

  /** Ends the step that waits. */
  return(): Promise<Result> {
    this.#ended = true
    this.#waiting?.resolve({ done: true, value: undefined })
    this.#waiting = undefined
    return Promise.resolve({ done: true, value: undefined })
  }

  /** Called by the feed when there may be more. */
  wake(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    try {
      const step = this.#step()
      if (step !== undefined) {
        this.#waiting = undefined
        waiting.resolve({ done: false, value: step })
      } else if (this.#cursor < this.#feed.head) {
        this.#readBack().then(
          () => this.wake(),
          (error: unknown) => this.#fail(error),
        )
      } else {
        this.#feed.listen(this)
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  /** The next step, of what is in memory; undefined when there is none. */
  #step(): Step | undefined {
    if (this.#feed.stopped) {
      throw new HoldfastError('SERVER_DRAINING', 'this server is stopping; resume at another', {
        retryAfterMs: 200,
      })
    }
    if (this.#feed.epoch !== this.#epoch) throw epochChanged(this.#epoch, this.#feed.epoch)
    for (;;) {
      const [part, ...rest] = this.#parts
      if (part !== undefined) {
        this.#parts = rest
        this.#spokenAt = performance.now()
        return new Encoded(part)
      }
      this.#cursor = this.#entryTo
      if (performance.now() - this.#spokenAt > PROGRESS_MS) return this.#progress()
      const entry = this.#feed.nextInMemory(this.#cursor)
      if (entry === undefined) return undefined
      this.#parts = entry.encodedFor(this.#filter)
      this.#entryTo = entry.to
    }
  }

  #progress(): Step {
    this.#spokenAt = performance.now()
    const position = { ledgerEpoch: this.#epoch, revision: this.#cursor, snapshotCursor: '' }
    return { step: { $case: 'progress', value: { position } } }
  }

  async #readBack(): Promise<void> {
    const entry = await this.#feed.next(this.#cursor)
    if (entry === undefined || this.#ended) return
    this.#parts = entry.encodedFor(this.#filter)
    this.#entryTo = entry.to
  }

  #fail(error: unknown): void {
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }
}
