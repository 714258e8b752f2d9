/**
 * PostgreSQL arrays in their binary wire format, for `unnest($1::type[], …)`. A Buffer given to `pg` as a
 * parameter is sent as binary, so these skip the quoting of text arrays, which costs more than the insert
 * itself at the sizes the ledger writes. Format: array_recv in PostgreSQL's arrayfuncs.c.
 */

const Oid = { bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, timestamptz: 1184, uuid: 2950 } as const
const HEADER_BYTES = 20

/** Microseconds between the Unix epoch and PostgreSQL's, 2000-01-01. */
const POSTGRES_EPOCH_US = 946_684_800_000_000n

function begin(oid: number, count: number, payloadBytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + 4 * count + payloadBytes)
  buffer.writeInt32BE(1, 0)
  buffer.writeInt32BE(1, 4)
  buffer.writeInt32BE(oid, 8)
  buffer.writeInt32BE(count, 12)
  buffer.writeInt32BE(1, 16)
  return buffer
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
  write: (buffer: Buffer, value: T, offset: number) => void,
): Buffer {
  if (values.length === 0) return empty(oid)
  const buffer = begin(oid, values.length, width * values.length)
  let at = HEADER_BYTES
  for (const value of values) {
    if (value === null) {
      buffer.writeInt32BE(-1, at)
      at += 4
      continue
    }
    buffer.writeInt32BE(width, at)
    write(buffer, value, at + 4)
    at += 4 + width
  }
  return at === buffer.length ? buffer : buffer.subarray(0, at)
}

export const int2Array = (values: readonly (number | null)[]): Buffer =>
  fixed(Oid.int2, 2, values, (buffer, value, at) => buffer.writeInt16BE(value, at))

export const int4Array = (values: readonly (number | null)[]): Buffer =>
  fixed(Oid.int4, 4, values, (buffer, value, at) => buffer.writeInt32BE(value, at))

/** Numbers must be safe integers. */
export const int8Array = (values: readonly (number | bigint | null)[]): Buffer =>
  fixed(Oid.int8, 8, values, (buffer, value, at) => {
    if (typeof value === 'bigint') {
      buffer.writeBigInt64BE(value, at)
      return
    }
    const high = Math.floor(value / 0x1_0000_0000)
    buffer.writeInt32BE(high, at)
    buffer.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
  })

/** Times as microseconds since the Unix epoch. */
export const timestamptzArray = (microseconds: readonly (bigint | null)[]): Buffer =>
  fixed(Oid.timestamptz, 8, microseconds, (buffer, value, at) =>
    buffer.writeBigInt64BE(value - POSTGRES_EPOCH_US, at),
  )

/** UUIDs in their 36-character form, already checked. */
export const uuidArray = (values: readonly (string | null)[]): Buffer =>
  fixed(Oid.uuid, 16, values, (buffer, value, at) => {
    buffer.write(value.replaceAll('-', ''), at, 16, 'hex')
  })

export function byteaArray(values: readonly Uint8Array[]): Buffer {
  if (values.length === 0) return empty(Oid.bytea)
  let bytes = 0
  for (const value of values) bytes += value.length
  const buffer = begin(Oid.bytea, values.length, bytes)
  let at = HEADER_BYTES
  for (const value of values) {
    buffer.writeInt32BE(value.length, at)
    buffer.set(value, at + 4)
    at += 4 + value.length
  }
  return buffer
}

export function textArray(values: readonly (string | null)[]): Buffer {
  if (values.length === 0) return empty(Oid.text)
  let bytes = 0
  for (const value of values) bytes += value === null ? 0 : Buffer.byteLength(value)
  const buffer = begin(Oid.text, values.length, bytes)
  // The null flag of the header is only a hint; elements of length -1 are null whatever it says.
  let at = HEADER_BYTES
  for (const value of values) {
    if (value === null) {
      buffer.writeInt32BE(-1, at)
      at += 4
      continue
    }
    const length = buffer.write(value, at + 4)
    buffer.writeInt32BE(length, at)
    at += 4 + length
  }
  return buffer
}
