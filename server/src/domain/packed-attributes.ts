import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire'
import { Value } from '../../../proto/gen/google/protobuf/struct.ts'
import { jsonEqual } from './json-equal.ts'
import { type ValueFault, valueFault } from './packed-value.ts'

/** Attributes as an encoded google.protobuf.Struct. */
export type PackedAttributes = Uint8Array

/** The most levels of nesting, the attributes themselves being one: readers of protobuf stop at 100 in all. */
export const MAX_DEPTH = 32

/** Attributes that are none: whoever reads them would fail. */
export class AttributesFault extends Error {
  readonly fault: ValueFault

  constructor(fault: ValueFault) {
    super(fault)
    this.name = 'AttributesFault'
    this.fault = fault
  }
}

/** What observed attributes come to, beside those that stand. */
export interface AttributesChange {
  /** All that stands from now on. */
  merged: PackedAttributes
  /** What is other than it was; what was removed is null. */
  changed: PackedAttributes
  /** `merged`, each value as the bytes of its google.protobuf.Value. */
  values: ReadonlyMap<string, Uint8Array>
}

/** The bytes of the Value that is null. */
const NULL = Buffer.from([0x08, 0x00])

/** One of `AttributesChange.values`, read. */
export function unpackAttribute(values: ReadonlyMap<string, Uint8Array>, key: string): unknown {
  const value = values.get(key)
  return value === undefined ? undefined : Value.unwrap(Value.decode(value))
}

/**
 * How observed attributes differ from those that stand; undefined when they do not. With `complete`, attributes
 * that are not given are removed. Values that stand were looked at when they came; those that change are looked
 * at here. Throws AttributesFault.
 */
export function compareAttributes(
  standing: PackedAttributes,
  given: PackedAttributes,
  complete: boolean,
): AttributesChange | undefined {
  if (Buffer.compare(standing, given) === 0) return undefined
  const before = unpackStruct(standing).values
  const { values, plain } = unpackStruct(given)
  const changed = new Map<string, Uint8Array>()
  for (const [key, value] of values) {
    const old = before.get(key)
    if (old !== undefined && Buffer.compare(old, value) === 0) continue
    refuseFault(value)
    // One source encodes one way; another may put the same in other bytes.
    if (old !== undefined && sameValue(old, value)) continue
    changed.set(key, value)
  }
  if (!complete) {
    if (changed.size === 0) return undefined
    const merged = new Map([...before, ...changed])
    return { merged: packStruct(merged), changed: packStruct(changed), values: merged }
  }
  for (const key of before.keys()) if (!values.has(key)) changed.set(key, NULL)
  if (changed.size === 0) return undefined
  return { merged: plain ? given : packStruct(values), changed: packStruct(changed), values }
}

/** Looks at attributes that are compared with nothing. Throws AttributesFault. */
export function refuseFaults(attributes: PackedAttributes): void {
  for (const value of unpackStruct(attributes).values.values()) refuseFault(value)
}

function refuseFault(value: Uint8Array): void {
  const fault = valueFault(value, MAX_DEPTH - 1)
  if (fault !== undefined) throw new AttributesFault(fault)
}

const sameValue = (a: Uint8Array, b: Uint8Array): boolean =>
  jsonEqual(Value.unwrap(Value.decode(a)), Value.unwrap(Value.decode(b)))

const ENTRY = 0x0a
const KEY = 0x0a
const VALUE = 0x12

/** The values by key, the last of each. `plain` when the bytes hold each key once and nothing else. */
interface Unpacked {
  values: ReadonlyMap<string, Uint8Array>
  plain: boolean
}

/** What was given is what stands when the next look comes, and need not be taken apart again. */
const unpacked = new WeakMap<PackedAttributes, Unpacked>()

function unpackStruct(bytes: PackedAttributes): Unpacked {
  let found = unpacked.get(bytes)
  if (found === undefined) {
    found = takeApart(bytes)
    unpacked.set(bytes, found)
  }
  return found
}

function takeApart(bytes: PackedAttributes): Unpacked {
  const values = new Map<string, Uint8Array>()
  let entries = 0
  let plain = true
  try {
    const reader = new BinaryReader(bytes)
    while (reader.pos < reader.len) {
      const tag = reader.uint32()
      if (tag !== ENTRY) throw new RangeError('no entry')
      const end = reader.uint32() + reader.pos
      let key = ''
      let value: Uint8Array | undefined
      while (reader.pos < end) {
        const field = reader.uint32()
        if (field === KEY) key = reader.string()
        else if (field === VALUE) {
          plain &&= value === undefined
          value = reader.bytes()
        } else throw new RangeError('neither key nor value')
      }
      if (reader.pos !== end || value === undefined || key.includes('\uFFFD'))
        throw new RangeError('no entry')
      values.set(key, value)
      entries++
    }
  } catch {
    throw new AttributesFault('malformed')
  }
  return { values, plain: plain && entries === values.size }
}

function packStruct(values: ReadonlyMap<string, Uint8Array>): PackedAttributes {
  const writer = new BinaryWriter()
  for (const [key, value] of values) {
    writer.uint32(ENTRY).fork().uint32(KEY).string(key).uint32(VALUE).bytes(value).join()
  }
  return writer.finish()
}
