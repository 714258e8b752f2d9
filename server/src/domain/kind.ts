import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { PackedFacet } from '../../../proto/gen/holdfast/internal/v1/packed.ts'
import { DiscoveryRule, Finding } from '../../../proto/gen/holdfast/v1/discovery.ts'
import { Hold } from '../../../proto/gen/holdfast/v1/hold.ts'
import { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import { Facet, Machine } from '../../../proto/gen/holdfast/v1/machine.ts'
import { Run } from '../../../proto/gen/holdfast/v1/run.ts'
import { Condition, Instance, Service } from '../../../proto/gen/holdfast/v1/service.ts'
import type { Resource } from '../../../proto/gen/holdfast/v1/watch.ts'
import { encode } from '../../../runtime/encode.ts'

/**
 * The kinds of resource: what every list of kinds is made from. A new kind has a line here, a table of its name
 * with the columns that `store/save-resources.ts` writes, and its fields in `filter/watch-filter.ts` and
 * `field-changes.ts`; the compiler asks for the rest.
 */
export const ResourceKind = {
  machine: 1,
  facet: 2,
  service: 3,
  instance: 4,
  condition: 5,
  lock: 6,
  hold: 7,
  finding: 9,
  rule: 10,
  run: 8,
} as const satisfies Record<string, number>

export type KindName = keyof typeof ResourceKind
/** The number of a kind in `change.kind`, and its field in Resource. Stored: never changed, never used again. */
export type ResourceKind = (typeof ResourceKind)[KindName]

/** The kinds that are seen: their `observed_at` moves without a revision. */
export const OBSERVED_KINDS = [
  'machine',
  'facet',
  'instance',
  'finding',
] as const satisfies readonly KindName[]
export type ObservedKind = (typeof OBSERVED_KINDS)[number]

/** The kinds that bear labels. */
export type LabelledKind = {
  [K in KindName]: KindMessage[K] extends { labels: object } ? K : never
}[KindName]

export const isObserved = (kind: KindName): kind is ObservedKind =>
  (OBSERVED_KINDS as readonly KindName[]).includes(kind)

const messages = {
  machine: Machine,
  facet: Facet,
  service: Service,
  instance: Instance,
  condition: Condition,
  lock: Lock,
  hold: Hold,
  finding: Finding,
  rule: DiscoveryRule,
  run: Run,
} satisfies Record<KindName, unknown>

/** The message of each kind. */
export type KindMessage = { [K in KindName]: ReturnType<(typeof messages)[K]['decode']> }

/** The message of each kind as the ledger works on it: the attributes of a facet stay packed. */
export interface LedgerMessage extends Omit<KindMessage, 'facet'> {
  facet: PackedFacet
}

/** In the order in which snapshots and batches go through them. */
export const KIND_NAMES = Object.keys(ResourceKind) as readonly KindName[]

const BY_NUMBER = new Map<number, KindName>(KIND_NAMES.map((name) => [ResourceKind[name], name]))

/** The kind of a stored number. */
export function kindName(kind: number): KindName {
  const name = BY_NUMBER.get(kind)
  if (name === undefined) throw new TypeError(`no kind of resource has the number ${kind}`)
  return name
}

const ledgerMessages = { ...messages, facet: PackedFacet }

const PLAIN = 0
const ZSTD = 1
const MARK_PLAIN = Buffer.from([PLAIN])
const MARK_ZSTD = Buffer.from([ZSTD])
const ZSTD_PARAMS = { [constants.ZSTD_c_compressionLevel]: 1 }
/** A body that says to be larger is damaged: an event is at most 1 MiB, and a facet grows by merging. */
const MAX_BODY_BYTES = 256 * 1024 * 1024

/** A resource as it is stored in `body`: protobuf, which for a facet has a marker before it and may be compressed. */
export function encodeBody<K extends KindName>(kind: K, message: KindMessage[K]): Buffer {
  return storedBody(kind, encodeMessage(kind, message))
}

/** The resource in a stored `body`. */
export function decodeBody<K extends KindName>(kind: K, body: Uint8Array): KindMessage[K] {
  const message = messages[kind].decode(wireBody(kind, body)) as KindMessage[K]
  // No attributes are none, and not unknown.
  if (kind === 'facet') (message as Facet).attributes ??= {}
  return message
}

/** The resource in a stored `body`, as the ledger works on it. */
export function decodeRow<K extends KindName>(kind: K, body: Uint8Array): LedgerMessage[K] {
  return ledgerMessages[kind].decode(wireBody(kind, body)) as LedgerMessage[K]
}

/** A resource of the ledger as plain protobuf: the same bytes as those of its public message. */
export function encodeRow<K extends KindName>(kind: K, message: LedgerMessage[K]): Buffer {
  return encode(ledgerMessages[kind] as never, message as never)
}

/** The resource in a stored `body`, wrapped with its kind. */
export function decodeResource(kind: KindName, body: Uint8Array): Resource {
  return { resource: { $case: kind, value: decodeBody(kind, body) } as Resource['resource'] }
}

/** A resource as plain protobuf. */
export function encodeMessage<K extends KindName>(kind: K, message: KindMessage[K]): Buffer {
  return encode(messages[kind] as never, message as never)
}

/** The plain protobuf in a stored `body`, without decoding it. */
export function wireBody(kind: KindName, body: Uint8Array): Buffer {
  const buffer = asBuffer(body)
  if (kind !== 'facet') return buffer
  switch (buffer[0]) {
    case PLAIN:
      return buffer.subarray(1)
    case ZSTD:
      return zstdDecompressSync(buffer.subarray(1), { maxOutputLength: MAX_BODY_BYTES })
    default:
      throw new TypeError(`a stored facet has the marker ${buffer[0]}, which this version does not know`)
  }
}

/** What `body` stores for plain protobuf. */
export function storedBody(kind: KindName, wire: Buffer): Buffer {
  if (kind !== 'facet') return wire
  // Level 1 takes 8 kB of facts to a third in 0.1 ms; PostgreSQL's own compression is off for the column.
  // Told how much comes, zstd makes itself small tables, and one piece holds all that it gives.
  const compressed = zstdCompressSync(wire, {
    params: ZSTD_PARAMS,
    pledgedSrcSize: wire.length,
    chunkSize: Math.max(64, wire.length),
  })
  return compressed.length < wire.length
    ? Buffer.concat([MARK_ZSTD, compressed])
    : Buffer.concat([MARK_PLAIN, wire])
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
