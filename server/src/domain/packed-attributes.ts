import { Value } from '../../../proto/gen/google/protobuf/struct.ts'
import type { PackedStruct } from '../../../proto/gen/holdfast/internal/v1/packed.ts'
import { jsonEqual } from './json-equal.ts'
import { type ValueFault, valueFault } from './packed-value.ts'

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

/**
 * What is wrong with attributes as they came; undefined when they can be read by whoever gets them, and are,
 * being themselves a level, nested at most `depth` levels deep.
 */
export function attributesFault(attributes: PackedAttributes, depth: number): ValueFault | undefined {
  for (const key in attributes) {
    const fault = valueFault(attributes[key]!, depth - 1)
    if (fault !== undefined) return fault
  }
  return undefined
}
