import { Hold_State } from '../../../proto/gen/holdfast/v1/hold.ts'
import { Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import {
  type Resource,
  type WatchPosition,
  type WatchStateRequest,
  WatchStateResponse,
} from '../../../proto/gen/holdfast/v1/watch.ts'
import { encode } from '../../../runtime/encode.ts'
import { refuseViolations } from '../domain/error.ts'
import { compileWatchFilter, type WatchFilter } from '../domain/filter/watch-filter.ts'
import { decodeResource, KIND_NAMES, type KindName } from '../domain/kind.ts'
import { epochChanged, isLost, revisionAhead, revisionCompacted } from '../domain/lost-position.ts'
import type { Feed } from '../ledger/feed.ts'
import { messageParts } from '../ledger/message-parts.ts'
import { readLedger } from '../store/read-ledger.ts'
import { snapshotPage } from '../store/snapshot-page.ts'
import type { Store } from '../store/store.ts'
import { FeedFollower, PROGRESS_MS } from './follow-feed.ts'
import { Encoded, type ServerStream } from './handler.ts'

/** Rows in a page of the snapshot. A facet is some 3 kB as it is stored, and may be 1 MiB. */
const pageRows = (kind: KindName): number => (kind === 'facet' ? 100 : 500)

type Step = NonNullable<WatchStateResponse['step']>

export function watchState({
  store,
  feed,
}: {
  store: Store
  feed: Feed
}): ServerStream<WatchStateRequest, WatchStateResponse> {
  return (request) => ({ [Symbol.asyncIterator]: () => new StateWatch(request, { store, feed }) })
}

type Result = IteratorResult<WatchStateResponse | Encoded, undefined>

/** One watch: the snapshot if it begins with one, then the feed. */
class StateWatch implements AsyncIterator<WatchStateResponse | Encoded, undefined> {
  readonly #request: WatchStateRequest
  readonly #parts: { store: Store; feed: Feed }
  #filter: WatchFilter | undefined
  #start: Start | undefined
  #snapshot: AsyncGenerator<WatchStateResponse | Encoded> | undefined
  #follower: FeedFollower | undefined
  #ended = false

  constructor(request: WatchStateRequest, parts: { store: Store; feed: Feed }) {
    this.#request = request
    this.#parts = parts
  }

  next(): Promise<Result> {
    // The way of nearly every step, and of a thousand watches at once: nothing is put around it.
    if (this.#follower !== undefined && !this.#request.resetIfLost) return this.#follower.next()
    return this.#next()
  }

  async return(): Promise<Result> {
    this.#ended = true
    await Promise.all([this.#snapshot?.return(undefined), this.#follower?.return()])
    return { done: true, value: undefined }
  }

  async #next(): Promise<Result> {
    try {
      if (this.#follower === undefined) return await this.#begin()
      return await this.#follower.next()
    } catch (error) {
      if (!this.#request.resetIfLost || !isLost(error)) throw error
      await this.#open(await snapshotOfNow(this.#parts.store, this.#parts.feed), true)
      return this.next()
    }
  }

  /** The next step of the snapshot; after it, the first of what follows. */
  async #begin(): Promise<Result> {
    if (this.#snapshot === undefined) {
      this.#filter = checkRequest(this.#request)
      const { start, reset } = await startOf(this.#request, this.#parts)
      await this.#open(start, reset)
    }
    const step = await this.#snapshot!.next()
    if (step.done !== true) return step
    if (this.#ended) return { done: true, value: undefined }
    const { epoch, revision } = this.#start!
    this.#follower = new FeedFollower(this.#parts.feed, { filter: this.#filter!, epoch, revision })
    return this.#follower.next()
  }

  async #open(start: Start, reset: boolean): Promise<void> {
    this.#start = start
    this.#follower = undefined
    this.#snapshot = snapshot(this.#parts.store, { filter: this.#filter!, position: start, reset })
  }
}

/** Where a watch begins. `snapshotCursor` is set while a snapshot is to be sent, empty at its beginning. */
interface Start {
  epoch: bigint
  revision: bigint
  snapshotCursor: string | undefined
}

function checkRequest({ filter, resume, skipSnapshot }: WatchStateRequest): WatchFilter {
  if (resume !== undefined && skipSnapshot) {
    const description = 'cannot be together with resume: it begins at now; send one of them'
    refuseViolations([{ field: 'skip_snapshot', description }])
  }
  return compileWatchFilter(filter)
}

async function startOf(
  { resume, skipSnapshot, resetIfLost }: WatchStateRequest,
  { store, feed }: { store: Store; feed: Feed },
): Promise<{ start: Start; reset: boolean }> {
  if (resume === undefined) {
    const now = await snapshotOfNow(store, feed)
    return { start: skipSnapshot ? { ...now, snapshotCursor: undefined } : now, reset: false }
  }
  try {
    return { start: await resumed(resume, { store, feed }), reset: false }
  } catch (error) {
    if (!resetIfLost || !isLost(error)) throw error
    return { start: await snapshotOfNow(store, feed), reset: true }
  }
}

async function snapshotOfNow(store: Store, feed: Feed): Promise<Start> {
  const { epoch, head } = await readLedger(store)
  await feed.caughtUp()
  return { epoch, revision: head, snapshotCursor: '' }
}

async function resumed(
  position: WatchPosition,
  { store, feed }: { store: Store; feed: Feed },
): Promise<Start> {
  await feed.caughtUp()
  const { epoch, head, compacted } = await readLedger(store)
  const { ledgerEpoch, revision, snapshotCursor } = position
  if (ledgerEpoch !== epoch) throw epochChanged(ledgerEpoch, epoch)
  if (revision > head) throw revisionAhead(revision, head)
  if (revision < compacted) throw revisionCompacted(revision, compacted)
  return { epoch, revision, snapshotCursor: snapshotCursor === '' ? undefined : snapshotCursor }
}

/** The state as of one revision, page by page: no transaction stays open while a slow client takes its time. */
async function* snapshot(
  store: Store,
  { filter, position, reset }: { filter: WatchFilter; position: Start; reset: boolean },
): AsyncGenerator<WatchStateResponse | Encoded> {
  const { epoch, revision } = position
  if (position.snapshotCursor === undefined) return
  const { kind: firstKind, name: firstName } = parseCursor(position.snapshotCursor)
  const at = (snapshotCursor: string): WatchPosition => ({ ledgerEpoch: epoch, revision, snapshotCursor })
  let first = reset
  let spokenAt = performance.now()
  for (const kind of KIND_NAMES.slice(KIND_NAMES.indexOf(firstKind))) {
    if (!filter.kinds.includes(kind)) continue
    const limit = pageRows(kind)
    let afterName = kind === firstKind ? firstName : ''
    for (;;) {
      const page = await snapshotPage(store, { kind, revision, afterName, limit })
      if (page.length === 0) break
      afterName = page.at(-1)!.name
      const passing = page
        .map(({ name, body }) => ({ name, resource: decodeResource(kind, body) }))
        .filter(({ resource }) => !isOver(resource) && filter.matches(resource))
      // An empty part says that the watch is alive, and spares who is cut off here what was looked through.
      const late = performance.now() - spokenAt > PROGRESS_MS
      if (passing.length > 0 || late) {
        for (const part of snapshotParts(passing, {
          reset: first,
          at: (name) => at(`${kind}:${name}`),
          end: afterName,
        })) {
          yield new Encoded(part)
        }
        first = false
        spokenAt = performance.now()
      }
      if (page.length < limit) break
    }
  }
  if (first) yield step({ $case: 'snapshot', value: { resources: [], position: at(''), reset: true } })
  await refuseCompacted(store, revision)
  yield step({ $case: 'snapshotEnd', value: { position: at('') } })
}

/** A lock that has ended or a hold that is lifted: no part of the state any more. */
function isOver({ resource }: Resource): boolean {
  if (resource?.$case === 'lock') return resource.value.state === Lock_State.ENDED
  return resource?.$case === 'hold' && resource.value.state === Hold_State.LIFTED
}

/** A page as messages, each with the position after it; the last with that of `end`, where the page ends. */
function snapshotParts(
  page: readonly { name: string; resource: Resource }[],
  { reset, at, end }: { reset: boolean; at: (name: string) => WatchPosition; end: string },
): Buffer[] {
  return messageParts(page, (part) => {
    const position = at(part.at(-1) === page.at(-1) ? end : part.at(-1)!.name)
    const resources = part.map(({ resource }) => resource)
    const first = reset && part[0] === page[0]
    const value = { resources, position, reset: first }
    return encode(WatchStateResponse, step({ $case: 'snapshot', value }))
  })
}

/** A compaction that passed this revision meanwhile may have taken what the last pages should have shown. */
async function refuseCompacted(store: Store, revision: bigint): Promise<void> {
  const { compacted } = await readLedger(store)
  if (revision < compacted) throw revisionCompacted(revision, compacted)
}

const step = (value: Step): WatchStateResponse => ({ step: value })

function parseCursor(cursor: string): { kind: KindName; name: string } {
  if (cursor === '') return { kind: KIND_NAMES[0]!, name: '' }
  const colon = cursor.indexOf(':')
  const kind = KIND_NAMES.find((name) => name === cursor.slice(0, colon))
  if (kind === undefined) {
    const description = 'is not a cursor that this server gave; resume from the last position received'
    refuseViolations([{ field: 'resume.snapshot_cursor', description }])
  }
  return { kind: kind!, name: cursor.slice(colon + 1) }
}
