import { isUtf8 } from 'node:buffer'
import { BinaryReader } from '@bufbuild/protobuf/wire'

/** The kinds of a google.protobuf.Value, by their field number and wire type as they stand in the tag. */
const Kind = { null: 0x08, number: 0x11, string: 0x1a, bool: 0x20, struct: 0x2a, list: 0x32 } as const
const KINDS: ReadonlySet<number> = new Set(Object.values(Kind))
/** The field that holds the entries of a Struct, their key and value, and the values of a ListValue. */
const ENTRY = 0x0a
const KEY = 0x0a
const ENTRY_VALUE = 0x12

/** Why bytes are not taken as an attribute's value. */
export type ValueFault = 'malformed' | 'too deep'

/**
 * What is wrong with the bytes of a google.protobuf.Value; undefined when every reader of protobuf can read
 * them, and they are nested at most `depth` levels deep. They are given to readers as they are: what is not
 * found here breaks whoever reads the machine, or watches it.
 */
export function valueFault(bytes: Uint8Array, depth: number): ValueFault | undefined {
  if (isPlain(bytes)) return undefined
  try {
    return walkValue(new BinaryReader(bytes), bytes.length, depth) ? undefined : 'too deep'
  } catch {
    return 'malformed'
  }
}

/** Nearly all values: one short text, a number, a truth, nothing. */
function isPlain(bytes: Uint8Array): boolean {
  switch (bytes[0]) {
    case Kind.string:
      return bytes[1]! < 0x80 && bytes.length === bytes[1]! + 2 && isUtf8(bytes.subarray(2))
    case Kind.number:
      return bytes.length === 9
    case Kind.bool:
    case Kind.null:
      return bytes.length === 2 && bytes[1]! <= 1
    default:
      return false
  }
}

/** False when it is nested too deep. Throws when it is no value. */
function walkValue(reader: BinaryReader, end: number, depth: number): boolean {
  let found = false
  while (reader.pos < end) {
    const tag = readTag(reader)
    found ||= KINDS.has(tag)
    if (tag === Kind.string) text(reader)
    else if (tag === Kind.struct || tag === Kind.list) {
      if (depth < 1) return false
      const last = lengthWithin(reader, end)
      const walk = tag === Kind.struct ? walkEntries : walkValues
      if (!walk(reader, last, depth - 1)) return false
    } else reader.skip(tag & 7, tag >>> 3)
  }
  ends(reader, end)
  if (!found) throw new RangeError('a value of no kind')
  return true
}

function walkValues(reader: BinaryReader, end: number, depth: number): boolean {
  while (reader.pos < end) {
    const tag = readTag(reader)
    if (tag !== ENTRY) reader.skip(tag & 7, tag >>> 3)
    else if (!walkValue(reader, lengthWithin(reader, end), depth)) return false
  }
  ends(reader, end)
  return true
}

function walkEntries(reader: BinaryReader, end: number, depth: number): boolean {
  while (reader.pos < end) {
    const tag = readTag(reader)
    if (tag !== ENTRY) reader.skip(tag & 7, tag >>> 3)
    else if (!walkEntry(reader, lengthWithin(reader, end), depth)) return false
  }
  ends(reader, end)
  return true
}

function walkEntry(reader: BinaryReader, end: number, depth: number): boolean {
  let valued = false
  while (reader.pos < end) {
    const tag = readTag(reader)
    if (tag === KEY) text(reader)
    else if (tag === ENTRY_VALUE) {
      valued = true
      if (!walkValue(reader, lengthWithin(reader, end), depth)) return false
    } else reader.skip(tag & 7, tag >>> 3)
  }
  ends(reader, end)
  if (!valued) throw new RangeError('an entry without a value')
  return true
}

function readTag(reader: BinaryReader): number {
  const [field, wireType] = reader.tag()
  return (field << 3) | wireType
}

function text(reader: BinaryReader): void {
  if (!isUtf8(reader.bytes())) throw new RangeError('text that is not UTF-8')
}

/** Where the message that begins here ends. */
function lengthWithin(reader: BinaryReader, end: number): number {
  const last = reader.uint32() + reader.pos
  if (last > end) throw new RangeError('a message is longer than the one that it is in')
  return last
}

function ends(reader: BinaryReader, end: number): void {
  if (reader.pos !== end) throw new RangeError('a field is longer than the message that it is in')
}
