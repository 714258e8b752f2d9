import { BinaryReader } from '@bufbuild/protobuf/wire'
import { Value } from '../../../proto/gen/google/protobuf/struct.ts'
import type { PackedStruct } from '../../../proto/gen/holdfast/internal/v1/packed.ts'
import { jsonEqual } from './json-equal.ts'

/** Attributes by key, each value as the bytes of its google.protobuf.Value. */
export type PackedAttributes = PackedStruct['fields']

/** The bytes of the Value that is null. */
const NULL = Buffer.from([0x08, 0x00])

export const unpackAttribute = (attributes: PackedAttributes, key: string): unknown =>
  Object.hasOwn(attributes, key) ? Value.unwrap(Value.decode(attributes[key]!)) : undefined

/**
 * How observed attributes differ from those that stand; undefined when they do not. Removed ones are null in
 * `changed`. With `complete`, attributes that are not given are removed.
 */
export function compareAttributes(
  standing: PackedAttributes,
  given: PackedAttributes,
  complete: boolean,
): { merged: PackedAttributes; changed: PackedAttributes } | undefined {
  const changed: PackedAttributes = {}
  let differs = false
  for (const key in given) {
    if (Object.hasOwn(standing, key) && sameValue(standing[key]!, given[key]!)) continue
    changed[key] = given[key]!
    differs = true
  }
  if (!complete) return differs ? { merged: { ...standing, ...changed }, changed } : undefined
  for (const key in standing) {
    if (Object.hasOwn(given, key)) continue
    changed[key] = NULL
    differs = true
  }
  return differs ? { merged: given, changed } : undefined
}

/** Bytes first: one source encodes one way. Others may put the same in other bytes. */
const sameValue = (a: Uint8Array, b: Uint8Array): boolean =>
  Buffer.compare(a, b) === 0 || jsonEqual(Value.unwrap(Value.decode(a)), Value.unwrap(Value.decode(b)))

/** A level of nesting costs at least this: a tag and a length for the list, and for the value in it. */
const LEVEL_BYTES = 4

/** Whether the attributes, themselves a level, are nested at most `depth` levels deep. */
export function isWithinDepth(attributes: PackedAttributes, depth: number): boolean {
  for (const key in attributes) {
    const bytes = attributes[key]!
    if (bytes.length > LEVEL_BYTES * (depth - 1) && !valueWithin(bytes, depth - 1)) return false
  }
  return true
}

const STRUCT_VALUE = 5
const LIST_VALUE = 6

function valueWithin(bytes: Uint8Array, depth: number): boolean {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (wireType !== 2 || (field !== STRUCT_VALUE && field !== LIST_VALUE)) {
      reader.skip(wireType, field)
      continue
    }
    if (depth < 1 || !childrenWithin(reader.bytes(), field === STRUCT_VALUE, depth - 1)) return false
  }
  return true
}

/** Of a Struct, whose entries hold the value in their field 2, or of a ListValue. */
function childrenWithin(bytes: Uint8Array, entries: boolean, depth: number): boolean {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field !== 1 || wireType !== 2) reader.skip(wireType, field)
    else if (!(entries ? entryWithin(reader.bytes(), depth) : valueWithin(reader.bytes(), depth)))
      return false
  }
  return true
}

function entryWithin(bytes: Uint8Array, depth: number): boolean {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field !== 2 || wireType !== 2) reader.skip(wireType, field)
    else if (!valueWithin(reader.bytes(), depth)) return false
  }
  return true
}
