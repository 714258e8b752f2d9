import { rowBytes, type WireRow, writeRow } from '../store/wire-row.ts'
import { Encoded } from './handler.ts'

/** A page of a listing with its rows as protobuf. */
export interface EncodedPage {
  rows: readonly WireRow[]
  nextPageToken: string
  revision: bigint
}

/**
 * A response of a listing, made of rows that are protobuf already. All of them have the rows in field 1,
 * `next_page_token` in 2 and `revision`, where they have one, in 3.
 */
export function encodePage({ rows, nextPageToken, revision }: EncodedPage): Encoded {
  const token = Buffer.from(nextPageToken)
  let bytes = 0
  const lengths = rows.map(rowBytes)
  for (const length of lengths) bytes += 1 + varintBytes(length) + length
  if (token.length > 0) bytes += 1 + varintBytes(token.length) + token.length
  const buffer = Buffer.allocUnsafe(bytes + (revision === 0n ? 0 : 11))
  let at = 0
  const varint = (value: number): void => {
    while (value > 0x7f) {
      buffer[at++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    buffer[at++] = value
  }
  const field = (tag: number, content: WireRow, length: number): void => {
    buffer[at++] = tag
    varint(length)
    const end = writeRow(content, buffer, at)
    if (end !== at + length) throw new RangeError(`a row of ${length} bytes took ${end - at}`)
    at = end
  }
  rows.forEach((row, i) => {
    field(0x0a, row, lengths[i]!)
  })
  if (token.length > 0) field(0x12, [token], token.length)
  if (revision > 0n) {
    buffer[at++] = 0x18
    let rest = revision
    for (; rest > 0x7fn; rest >>= 7n) buffer[at++] = Number(rest & 0x7fn) | 0x80
    buffer[at++] = Number(rest)
  }
  return new Encoded(buffer.subarray(0, at))
}

function varintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest > 0x7f; rest >>>= 7) bytes++
  return bytes
}
