import { BinaryWriter } from '@bufbuild/protobuf/wire'
import { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import { type Change_Type, WatchPosition } from '../../../proto/gen/holdfast/v1/watch.ts'
import { type Instant, timestampFromInstant } from '../domain/instant.ts'
import { type KindName, ResourceKind } from '../domain/kind.ts'

/** A change as a watcher is told of it. `wire` is the resource as plain protobuf. */
export interface ToldChange {
  type: Change_Type
  kind: KindName
  wire: Buffer
}

/** All that a watcher is told of one revision. */
export interface ToldRevision {
  revision: bigint
  committedAt: Instant
  changes: ToldChange[]
}

/** Tags of length-delimited fields: the number, then wire type 2. */
const LENGTH_DELIMITED = 2
const tag = (field: number): number => (field << 3) | LENGTH_DELIMITED

/**
 * A WatchStateResponse with `changes`, encoded. Written by hand in the generated layout, so that resources go in as
 * they are stored: 0.7 µs a change, where decoding and encoding each takes 4.7 µs, and every watch waits for this.
 * The number of a kind is the number of its field in Resource.
 */
export function changesMessage(revisions: readonly ToldRevision[], position: WatchPosition): Buffer {
  const writer = new BinaryWriter()
  writer.uint32(tag(3)).fork()
  for (const { revision, committedAt, changes } of revisions) {
    writer.uint32(tag(1)).fork()
    writer.uint32(1 << 3).uint64(revision)
    Timestamp.encode(timestampFromInstant(committedAt), writer.uint32(tag(2)).fork()).join()
    for (const { type, kind, wire } of changes) {
      const resourceBytes = 1 + varintBytes(wire.length) + wire.length
      const changeBytes = 2 + 1 + varintBytes(resourceBytes) + resourceBytes
      writer.uint32(tag(3)).uint32(changeBytes)
      writer.uint32(1 << 3).uint32(type)
      writer.uint32(tag(2)).uint32(resourceBytes)
      writer.uint32(tag(ResourceKind[kind])).bytes(wire)
    }
    writer.join()
  }
  WatchPosition.encode(position, writer.uint32(tag(2)).fork()).join()
  const bytes = writer.join().finish()
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** How many bytes a length takes in front of what it counts. */
function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes++
  return bytes
}
