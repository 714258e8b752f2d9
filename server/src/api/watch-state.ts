import {
  type Resource,
  type WatchPosition,
  type WatchStateRequest,
  WatchStateResponse,
} from '../../../proto/gen/holdfast/v1/watch.ts'
import { encode } from '../domain/encode.ts'
import { HoldfastError, refuseViolations } from '../domain/error.ts'
import { compileWatchFilter, type WatchFilter } from '../domain/filter/watch-filter.ts'
import { decodeResource, KIND_NAMES, type KindName } from '../domain/kind.ts'
import { epochChanged, isLost, revisionAhead, revisionCompacted } from '../domain/lost-position.ts'
import type { Feed } from '../ledger/feed.ts'
import { messageParts } from '../ledger/message-parts.ts'
import { readLedgerHead } from '../store/read-changes.ts'
import { snapshotPage } from '../store/snapshot-page.ts'
import type { Store } from '../store/store.ts'
import { type CallContext, Encoded, type ServerStream } from './handler.ts'

/** Rows in a page of the snapshot. A facet is some 3 kB as it is stored, and may be 1 MiB. */
const PAGE_ROWS: Record<KindName, number> = {
  machine: 500,
  facet: 100,
  service: 500,
  instance: 500,
  condition: 500,
}
/** Below the 5 s that are promised, by more than the feed's poll, which is what wakes an idle watcher. */
const PROGRESS_MS = 4000

type Step = NonNullable<WatchStateResponse['step']>

export function watchState({
  store,
  feed,
}: {
  store: Store
  feed: Feed
}): ServerStream<WatchStateRequest, WatchStateResponse> {
  return async function* watch(request, context) {
    const filter = checkRequest(request)
    let { start, reset } = await startOf(request, { store, feed })
    for (;;) {
      try {
        if (start.snapshotCursor !== undefined) {
          yield* snapshot(store, { filter, position: start, reset })
        }
        yield* follow(feed, { filter, from: start, context })
        return
      } catch (error) {
        if (!request.resetIfLost || !isLost(error)) throw error
        start = await snapshotOfNow(store, feed)
        reset = true
      }
    }
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
  const { epoch, head } = await readLedgerHead(store)
  await feed.caughtUp()
  return { epoch, revision: head, snapshotCursor: '' }
}

async function resumed(
  position: WatchPosition,
  { store, feed }: { store: Store; feed: Feed },
): Promise<Start> {
  await feed.caughtUp()
  const { epoch, head, compacted } = await readLedgerHead(store)
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
  const { kind: firstKind, name: firstName } = parseCursor(position.snapshotCursor!)
  const at = (snapshotCursor: string): WatchPosition => ({ ledgerEpoch: epoch, revision, snapshotCursor })
  let first = reset
  let spokenAt = performance.now()
  for (const kind of KIND_NAMES.slice(KIND_NAMES.indexOf(firstKind))) {
    if (!filter.kinds.includes(kind)) continue
    const limit = PAGE_ROWS[kind]
    let afterName = kind === firstKind ? firstName : ''
    for (;;) {
      const page = await snapshotPage(store, { kind, revision, afterName, limit })
      if (page.length === 0) break
      afterName = page.at(-1)!.name
      const passing = page
        .map(({ name, body }) => ({ name, resource: decodeResource(kind, body) }))
        .filter(({ resource }) => filter.matches(resource))
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
  const { compacted } = await readLedgerHead(store)
  if (revision < compacted) throw revisionCompacted(revision, compacted)
}

/** Everything after `from`, as it is committed. The watcher holds one revision and no buffer. */
async function* follow(
  feed: Feed,
  { filter, from, context }: { filter: WatchFilter; from: Start; context: CallContext },
): AsyncGenerator<WatchStateResponse | Encoded> {
  const { signal } = context
  let cursor = from.revision
  let spokenAt = performance.now()
  // At once, so that a client that resumes learns where it stands.
  yield progress(from.epoch, cursor)
  while (!signal.aborted) {
    if (feed.stopped) {
      throw new HoldfastError('SERVER_DRAINING', 'this server is stopping; resume at another', {
        retryAfterMs: 200,
      })
    }
    if (feed.epoch !== from.epoch) throw epochChanged(from.epoch, feed.epoch)
    const changed = feed.changed()
    const entry = feed.nextInMemory(cursor) ?? (cursor < feed.head ? await feed.next(cursor) : undefined)
    if (entry === undefined) {
      await changed
    } else {
      for (const part of entry.encodedFor(filter)) {
        yield new Encoded(part)
        spokenAt = performance.now()
      }
      cursor = entry.to
    }
    if (performance.now() - spokenAt > PROGRESS_MS) {
      yield progress(from.epoch, cursor)
      spokenAt = performance.now()
    }
  }
}

const step = (value: Step): WatchStateResponse => ({ step: value })

const progress = (ledgerEpoch: bigint, revision: bigint): WatchStateResponse =>
  step({ $case: 'progress', value: { position: { ledgerEpoch, revision, snapshotCursor: '' } } })

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
