import { Change_Type, type Resource } from '../../../proto/gen/holdfast/v1/watch.ts'
import type { Instant } from '../domain/instant.ts'
import { decodeResource, type KindName, wireBody } from '../domain/kind.ts'
import { changesMessage, type ToldRevision } from './changes-message.ts'

/** An entry holds about this much as it is stored, and about so many changes, since facets may be compressed. */
const ENTRY_BYTES = 512 * 1024
const ENTRY_CHANGES = 500
/**
 * A message is cut at about this, between revisions only. A stream holds up to 16 of them for a client that does
 * not read, since grpc-js counts messages and not bytes.
 */
const MESSAGE_BYTES = 64 * 1024
/** An entry keeps encodings of about this much, its own bookkeeping included. */
const KEPT_BYTES = 4 << 20
const KEPT_OVERHEAD_BYTES = 200

/** A change, and when it was committed: what the feed is made of. */
export interface FeedChange {
  revision: bigint
  kind: KindName
  body: Buffer
  before: Buffer | undefined
  committedAt: Instant
  /** The resource's name, where it is at hand. */
  name?: string
}

/** What a watcher wants to see. Watchers whose filters share a key share the encoded bytes. */
export interface FeedFilter {
  key: string
  matches: (resource: Resource) => boolean
}

/**
 * The revisions after `from` up to `to`, whole. Encoded once for all watchers that share a filter and have
 * received everything up to `from`, for as long as the entry is new and the encodings are not too many.
 */
export class FeedEntry {
  readonly epoch: bigint
  readonly from: bigint
  readonly to: bigint
  readonly bytes: number
  readonly changes: readonly FeedChange[]
  #encoded: Map<string, Buffer[]> | undefined = new Map()
  #encodedBytes = 0

  constructor(epoch: bigint, span: { from: bigint; to: bigint }, changes: readonly FeedChange[]) {
    this.epoch = epoch
    this.from = span.from
    this.to = span.to
    this.changes = changes
    this.bytes = changes.reduce(
      (sum, { body, before }) => sum + body.length + (before?.length ?? 0) + 200,
      100,
    )
  }

  /** The `changes` steps as this filter sees them, encoded, in order; none when nothing passes. */
  encodedFor(filter: FeedFilter): readonly Buffer[] {
    const kept = this.#encoded?.get(filter.key)
    if (kept !== undefined) return kept
    const encoded = this.#encode(filter)
    const bytes = encoded.reduce((sum, { length }) => sum + length, KEPT_OVERHEAD_BYTES)
    if (this.#encoded !== undefined && this.#encodedBytes + bytes <= KEPT_BYTES) {
      this.#encoded.set(filter.key, encoded)
      this.#encodedBytes += bytes
    }
    return encoded
  }

  /** Keeps no encodings any more: nearly everybody has received them. */
  release(): void {
    this.#encoded = undefined
  }

  /** The part of it after `revision`, for who resumes in its middle. */
  after(revision: bigint): FeedEntry {
    return new FeedEntry(
      this.epoch,
      { from: revision, to: this.to },
      this.changes.filter((change) => change.revision > revision),
    )
  }

  #encode(filter: FeedFilter): Buffer[] {
    const messages: Buffer[] = []
    let revisions: ToldRevision[] = []
    let bytes = 0
    const cut = (revision: bigint): void => {
      messages.push(changesMessage(revisions, { ledgerEpoch: this.epoch, revision, snapshotCursor: '' }))
      revisions = []
      bytes = 0
    }
    for (const change of this.changes) {
      const type = typeSeenBy(filter, change)
      if (type === undefined) continue
      const { revision, committedAt, kind } = change
      let last = revisions.at(-1)
      if (last !== undefined && last.revision !== revision && bytes >= MESSAGE_BYTES) {
        cut(last.revision)
        last = undefined
      }
      // Known only here: facets may be compressed as they are stored.
      const wire = wireBody(kind, change.body)
      bytes += wire.length
      if (last?.revision === revision) last.changes.push({ type, kind, wire })
      else revisions.push({ revision, committedAt, changes: [{ type, kind, wire }] })
    }
    // The last one reaches to the end of the entry, also over revisions that the filter leaves out.
    if (revisions.length > 0) cut(this.to)
    return messages
  }
}

/** What a change is to a filter: what leaves it is removed, what never was in it is not there. */
function typeSeenBy(filter: FeedFilter, { kind, body, before }: FeedChange): Change_Type | undefined {
  if (filter.key === '' || filter.matches(decodeResource(kind, body))) return Change_Type.PUT
  if (before === undefined || !filter.matches(decodeResource(kind, before))) return undefined
  return Change_Type.REMOVED
}

/** Cuts changes into entries of a size that fits a message, between revisions only. */
export function entriesOf(
  epoch: bigint,
  span: { from: bigint; to: bigint },
  changes: readonly FeedChange[],
): FeedEntry[] {
  const entries: FeedEntry[] = []
  let { from } = span
  let begin = 0
  let bytes = 0
  for (const [i, change] of changes.entries()) {
    const next = changes[i + 1]
    bytes += change.body.length
    const fits = bytes < ENTRY_BYTES && i + 1 - begin < ENTRY_CHANGES
    if (next !== undefined && (fits || next.revision === change.revision)) continue
    const to = next === undefined ? span.to : change.revision
    entries.push(new FeedEntry(epoch, { from, to }, changes.slice(begin, i + 1)))
    from = to
    begin = i + 1
    bytes = 0
  }
  return entries
}
