import { FlatWriter } from './flat-writer.ts'

interface Codec<M> {
  encode(message: M, writer: FlatWriter): unknown
}

/** A writer whose buffer has grown past this is let go, so that one large message does not stay in memory. */
const KEEP_BYTES = 1 << 20

let shared: FlatWriter | undefined

/**
 * A message as protobuf. One writer serves all, since encoding does not wait: a new one for each message would grow from
 * 256 bytes by doubling, which was a tenth of the server's time under ingest. And bytes that are no memory of their own
 * are half of what the garbage collector had to do with what the ledger keeps.
 */
export function encode<M>(codec: Codec<M>, message: M): Buffer<ArrayBuffer> {
  const writer = shared ?? new FlatWriter(1024)
  // Not shared while in use: an encoder that throws leaves it behind in the middle of a message.
  shared = undefined
  codec.encode(message, writer)
  const bytes = writer.finish()
  if (bytes.length <= KEEP_BYTES) shared = writer
  return bytes
}
