import { Encoded } from './handler.ts'

/** A page of a listing with its rows as protobuf. */
export interface EncodedPage {
  rows: readonly Uint8Array[]
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
  for (const row of rows) bytes += 1 + varintBytes(row.length) + row.length
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
  const field = (tag: number, content: Uint8Array): void => {
    buffer[at++] = tag
    varint(content.length)
    buffer.set(content, at)
    at += content.length
  }
  for (const row of rows) field(0x0a, row)
  if (token.length > 0) field(0x12, token)
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
