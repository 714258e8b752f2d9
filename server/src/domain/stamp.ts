import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import type { PackedFacet } from '../../../proto/gen/holdfast/internal/v1/packed.ts'
import { invalidRequest } from './error.ts'
import { type Instant, NEVER, timestampFromInstant } from './instant.ts'
import {
  encodeRow,
  isObserved,
  type KindMessage,
  type KindName,
  type LedgerMessage,
  storedBody,
} from './kind.ts'

/** The most bytes of one resource: the attributes that one event may bring, and the resource's own fields. */
export const MAX_RESOURCE_BYTES = 1024 * 1024 + 4096

/** A resource as it stands from a revision on: with that revision, its etag and its times. */
export function stamp<K extends KindName>(
  kind: K,
  resource: LedgerMessage[K],
  { revision, now, seenAt }: { revision: bigint; now: Timestamp; seenAt: Instant },
): LedgerMessage[K] {
  const observedTime = seenAt === NEVER ? undefined : timestampFromInstant(seenAt)
  if (kind === 'facet') {
    const facet = resource as PackedFacet
    return { ...facet, changeRevision: revision, changeTime: now, observedTime } as LedgerMessage[K]
  }
  const base = resource as KindMessage[Exclude<KindName, 'facet'>]
  return {
    ...base,
    revision,
    etag: revision.toString(36),
    createTime: base.createTime ?? now,
    updateTime: now,
    ...(isObserved(kind) ? { observedTime } : {}),
  } as LedgerMessage[K]
}

/** A resource as it is stored. Throws INVALID_REQUEST when it would grow too large. */
export function encodeWithin<K extends KindName>(kind: K, resource: LedgerMessage[K]): Buffer {
  const wire = encodeRow(kind, resource)
  if (wire.length <= MAX_RESOURCE_BYTES) return storedBody(kind, wire)
  const description = `would grow to ${wire.length} bytes; at most ${MAX_RESOURCE_BYTES} are kept. Send it whole and without what is not needed`
  throw invalidRequest([{ field: resource.name, description }])
}
