import {
  type Change,
  Change_Type,
  type Resource,
  type RevisionChanges,
  WatchStateResponse,
} from '../../../proto/gen/holdfast/v1/watch.ts'
import { encode } from '../domain/encode.ts'
import type { Instant } from '../domain/instant.ts'
import { timestampFromInstant } from '../domain/instant.ts'
import { decodeResource, type KindName } from '../domain/kind.ts'
import { messageParts } from './message-parts.ts'

/** An entry keeps encodings of about this much, its own bookkeeping included. */
const KEPT_BYTES = 1 << 20
const KEPT_OVERHEAD_BYTES = 200

/** A change, and when it was committed: what the feed is made of. */
export interface FeedChange {
  revision: bigint
  kind: KindName
  body: Buffer
  before: Buffer | undefined
  committedAt: Instant
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
  readonly #changes: readonly FeedChange[]
  #encoded: Map<string, Buffer[]> | undefined = new Map()
  #encodedBytes = 0

  constructor(epoch: bigint, span: { from: bigint; to: bigint }, changes: readonly FeedChange[]) {
    this.epoch = epoch
    this.from = span.from
    this.to = span.to
    this.#changes = changes
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
      this.#changes.filter((change) => change.revision > revision),
    )
  }

  #encode(filter: FeedFilter): Buffer[] {
    const revisions: RevisionChanges[] = []
    for (const change of this.#changes) {
      const seen = changeSeenBy(filter, change)
      if (seen === undefined) continue
      const last = revisions.at(-1)
      if (last?.revision === change.revision) last.changes.push(seen)
      else {
        const commitTime = timestampFromInstant(change.committedAt)
        revisions.push({ revision: change.revision, commitTime, changes: [seen] })
      }
    }
    if (revisions.length === 0) return []
    return messageParts(revisions, (part) => {
      // The last one reaches to the end of the entry, also over revisions that the filter leaves out.
      const revision = part.at(-1) === revisions.at(-1) ? this.to : part.at(-1)!.revision
      const position = { ledgerEpoch: this.epoch, revision, snapshotCursor: '' }
      const value = { revisions: [...part], position }
      return encode(WatchStateResponse, { step: { $case: 'changes', value } })
    })
  }
}

/** A change as a filter sees it: what leaves the filter is removed, what never was in it is not there. */
export function changeSeenBy(filter: FeedFilter, { kind, body, before }: FeedChange): Change | undefined {
  const resource = decodeResource(kind, body)
  if (filter.key === '' || filter.matches(resource)) return { type: Change_Type.PUT, resource }
  if (before === undefined || !filter.matches(decodeResource(kind, before))) return undefined
  return { type: Change_Type.REMOVED, resource }
}
