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
 * received everything up to `from`.
 */
export class FeedEntry {
  readonly epoch: bigint
  readonly from: bigint
  readonly to: bigint
  readonly bytes: number
  readonly #changes: readonly FeedChange[]
  readonly #encoded = new Map<string, Buffer | undefined>()

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

  /** The `changes` step as this filter sees it, encoded; undefined when nothing passes. */
  encodedFor(filter: FeedFilter): Buffer | undefined {
    if (this.#encoded.has(filter.key)) return this.#encoded.get(filter.key)
    const encoded = this.#encode(filter)
    this.#encoded.set(filter.key, encoded)
    return encoded
  }

  /** The part of it after `revision`, for who resumes in its middle. */
  after(revision: bigint): FeedEntry {
    return new FeedEntry(
      this.epoch,
      { from: revision, to: this.to },
      this.#changes.filter((change) => change.revision > revision),
    )
  }

  #encode(filter: FeedFilter): Buffer | undefined {
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
    if (revisions.length === 0) return undefined
    const position = { ledgerEpoch: this.epoch, revision: this.to, snapshotCursor: '' }
    return encode(WatchStateResponse, { step: { $case: 'changes', value: { revisions, position } } })
  }
}

/** A change as a filter sees it: what leaves the filter is removed, what never was in it is not there. */
export function changeSeenBy(filter: FeedFilter, { kind, body, before }: FeedChange): Change | undefined {
  const resource = decodeResource(kind, body)
  if (filter.key === '' || filter.matches(resource)) return { type: Change_Type.PUT, resource }
  if (before === undefined || !filter.matches(decodeResource(kind, before))) return undefined
  return { type: Change_Type.REMOVED, resource }
}
