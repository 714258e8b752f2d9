/**
 * PostgreSQL arrays in their binary wire format, for `unnest($1::type[], …)`. A Buffer given to `pg` as a
 * parameter is sent as binary, so these skip the quoting of text arrays, which costs more than the insert
 * itself at the sizes the ledger writes. Format: array_recv in PostgreSQL's arrayfuncs.c.
 */

const Oid = { bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, timestamptz: 1184, uuid: 2950 } as const
const HEADER_BYTES = 20

/** Microseconds between the Unix epoch and PostgreSQL's, 2000-01-01. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n

/** An array's bytes. Written by a DataView: `writeBigInt64BE` of a Buffer makes three bigints for each that it writes. */
interface ArrayBytes {
  buffer: Buffer
  view: DataView
}

function begin(oid: number, count: number, payloadBytes: number): ArrayBytes {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + 4 * count + payloadBytes)
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
  view.setInt32(0, 1)
  view.setInt32(4, 1)
  view.setInt32(8, oid)
  view.setInt32(12, count)
  view.setInt32(16, 1)
  return { buffer, view }
}

const empty = (oid: number): Buffer => {
  const buffer = Buffer.alloc(12)
  buffer.writeInt32BE(oid, 8)
  return buffer
}

function fixed<T>(
  oid: number,
  width: number,
  values: readonly (T | null)[],
  write: (bytes: ArrayBytes, value: T, offset: number) => void,
): Buffer {
  if (values.length === 0) return empty(oid)
  const bytes = begin(oid, values.length, width * values.length)
  let at = HEADER_BYTES
  for (const value of values) {
    if (value === null) {
      bytes.view.setInt32(at, -1)
      at += 4
      continue
    }
    bytes.view.setInt32(at, width)
    write(bytes, value, at + 4)
    at += 4 + width
  }
  return at === bytes.buffer.length ? bytes.buffer : bytes.buffer.subarray(0, at)
}

export const int2Array = (values: readonly (number | null)[]): Buffer =>
  fixed(Oid.int2, 2, values, ({ view }, value, at) => view.setInt16(at, value))

export const int4Array = (values: readonly (number | null)[]): Buffer =>
  fixed(Oid.int4, 4, values, ({ view }, value, at) => view.setInt32(at, value))

/** Numbers must be safe integers. */
export const int8Array = (values: readonly (number | bigint | null)[]): Buffer =>
  fixed(Oid.int8, 8, values, ({ view }, value, at) => {
    if (typeof value === 'bigint') {
      view.setBigInt64(at, value)
      return
    }
    const high = Math.floor(value / 0x1_0000_0000)
    view.setInt32(at, high)
    view.setUint32(at + 4, value - high * 0x1_0000_0000)
  })

/** Times as microseconds since the Unix epoch. */
export const timestamptzArray = (microseconds: readonly (bigint | null)[]): Buffer =>
  fixed(Oid.timestamptz, 8, microseconds, ({ view }, value, at) =>
    view.setBigInt64(at, value - POSTGRES_EPOCH_US),
  )

/** UUIDs in their 36-character form, already checked. */
export const uuidArray = (values: readonly (string | null)[]): Buffer =>
  fixed(Oid.uuid, 16, values, ({ buffer }, value, at) => {
    buffer.write(value.replaceAll('-', ''), at, 16, 'hex')
  })

export function byteaArray(values: readonly Uint8Array[]): Buffer {
  if (values.length === 0) return empty(Oid.bytea)
  let bytes = 0
  for (const value of values) bytes += value.length
  const { buffer, view } = begin(Oid.bytea, values.length, bytes)
  let at = HEADER_BYTES
  for (const value of values) {
    view.setInt32(at, value.length)
    buffer.set(value, at + 4)
    at += 4 + value.length
  }
  return buffer
}

export function textArray(values: readonly (string | null)[]): Buffer {
  if (values.length === 0) return empty(Oid.text)
  let bytes = 0
  for (const value of values) bytes += value === null ? 0 : Buffer.byteLength(value)
  const { buffer, view } = begin(Oid.text, values.length, bytes)
  // The null flag of the header is only a hint; elements of length -1 are null whatever it says.
  let at = HEADER_BYTES
  for (const value of values) {
    if (value === null) {
      view.setInt32(at, -1)
      at += 4
      continue
    }
    const length = buffer.write(value, at + 4)
    view.setInt32(at, length)
    at += 4 + length
  }
  return buffer
}
