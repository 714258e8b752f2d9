import { crc32c } from './crc32c.ts'

// magic (4 bytes), length of the event (4, little endian), CRC32C of the event (4), the event.
const magic = Buffer.from('HFs1')
const headerBytes = 12
/** More than the server takes at once, so that an absurd length is known for damage. */
const maxContentBytes = 5 * 1024 * 1024

/** One event as it is kept: written with one call, so that appenders of several processes do not mix. */
export function encodeRecord(event: Uint8Array): Buffer {
  const record = Buffer.alloc(headerBytes + event.length)
  magic.copy(record)
  record.writeUInt32LE(event.length, 4)
  record.writeUInt32LE(crc32c(event), 8)
  record.set(event, headerBytes)
  return record
}

export interface ScannedSegment {
  /** The events that are whole, in order. The n-th has the number n of the segment's epoch. */
  events: Buffer[]
  /** Bytes that are no record, but for a torn one at the end. */
  damagedBytes: number
  /** Bytes of a record at the end that is not whole: its writer is at it, or was killed. */
  tornBytes: number
}

/**
 * Reads what is whole. Damage is skipped up to the next record, and takes no number: what was appended is never
 * changed, so every reading numbers alike.
 */
export function scanSegment(bytes: Buffer): ScannedSegment {
  const events: Buffer[] = []
  let damagedBytes = 0
  let at = 0
  while (at < bytes.length) {
    const event = eventAt(bytes, at)
    const end = event === undefined ? at : at + headerBytes + event.length
    const next = event !== undefined && isBoundary(bytes, end) ? end : nextRecord(bytes, at + 1)
    // A torn record whose missing bytes are those that the next one begins with looks whole, and ends within it.
    if (event !== undefined && (next === undefined || next >= end)) {
      events.push(event)
      at = end
      continue
    }
    if (next === undefined) return { events, damagedBytes, tornBytes: bytes.length - at }
    damagedBytes += next - at
    at = next
  }
  return { events, damagedBytes, tornBytes: 0 }
}

const isBoundary = (bytes: Buffer, at: number): boolean =>
  at === bytes.length ||
  bytes.compare(magic, 0, Math.min(4, bytes.length - at), at, Math.min(at + 4, bytes.length)) === 0

function nextRecord(bytes: Buffer, from: number): number | undefined {
  for (let at = bytes.indexOf(magic, from); at !== -1; at = bytes.indexOf(magic, at + 1)) {
    if (eventAt(bytes, at) !== undefined) return at
  }
  return undefined
}

function eventAt(bytes: Buffer, at: number): Buffer | undefined {
  if (at + headerBytes > bytes.length || bytes.compare(magic, 0, 4, at, at + 4) !== 0) return undefined
  const length = bytes.readUInt32LE(at + 4)
  const end = at + headerBytes + length
  if (length > maxContentBytes || end > bytes.length) return undefined
  const event = bytes.subarray(at + headerBytes, end)
  return crc32c(event) === bytes.readUInt32LE(at + 8) ? event : undefined
}
