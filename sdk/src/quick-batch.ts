// For start and stop scripts: one batch, sent without grpc-js, which takes 40 ms of CPU to load and to dial with.
import { type ClientHttp2Session, connect, constants } from 'node:http2'
import { BinaryReader } from '@bufbuild/protobuf/wire'
import { type Address, parseAddress } from './address.ts'
import type { TlsOptions } from './connect-options.ts'
import { BatchWriter, type NumberedEvent } from './event-batch.ts'
import type { Revision } from './revision.ts'
import { sdkVersion } from './version.ts'

export interface QuickBatch {
  source: string
  epoch: bigint
  /** A few, and less than a mebibyte. */
  events: readonly NumberedEvent[]
}

/** How the server is reached. As of {@link ConnectOptions}. */
export interface QuickWay {
  address: string
  token: string | undefined
  tls: boolean | Pick<TlsOptions, 'ca'> | undefined
}

/**
 * `settled`: durable, all of it. `unreached`: nobody listens there. `late`: no answer in time; it may have landed.
 * `other`: anything else, such as a refusal or a way that only the whole client knows; it may have landed. Sending it
 * again with the whole client does no harm, and tells what it is.
 */
export type QuickOutcome =
  | { kind: 'settled'; revision: Revision; ledgerEpoch: bigint }
  | { kind: 'unreached' | 'late' | 'other' }

const path = '/holdfast.v1.IngestService/IngestBatch'
const other: QuickOutcome = { kind: 'other' }

/** Sends a batch once, as gRPC goes over HTTP/2. Never rejects. */
export async function sendQuickly(
  batch: QuickBatch,
  way: QuickWay,
  options: { timeoutMs: number },
): Promise<QuickOutcome> {
  const url = urlOf(way)
  if (url === undefined) return other
  const ca = typeof way.tls === 'object' ? way.tls.ca : undefined
  let session: ClientHttp2Session | undefined
  let timer: NodeJS.Timeout | undefined
  try {
    session = connect(url, ca === undefined ? {} : { ca })
    const late = new Promise<QuickOutcome>((resolve) => {
      timer = setTimeout(() => resolve({ kind: 'late' }), options.timeoutMs)
    })
    return await Promise.race([late, answered(session, encoded(batch), { ...options, token: way.token })])
  } catch {
    return other
  } finally {
    clearTimeout(timer)
    session?.destroy()
  }
}

/** Undefined for what needs the whole client: a proxy, a token in the clear, anything but a host and its port. */
function urlOf({ address: text, tls }: QuickWay): string | undefined {
  let address: Address
  try {
    address = parseAddress(text)
  } catch {
    return undefined
  }
  const secure = tls ?? !address.local
  const authority = /^dns:([^/]+:\d+)$/.exec(address.target)?.[1]
  if (authority === undefined || (!address.local && (secure === false || hasProxy()))) return undefined
  return `${secure === false ? 'http' : 'https'}://${authority}`
}

const hasProxy = (): boolean =>
  ['grpc_proxy', 'https_proxy', 'http_proxy'].some(
    (name) => process.env[name] || process.env[name.toUpperCase()],
  )

/** Length-prefixed, as a message of gRPC is. */
function encoded({ source, epoch, events }: QuickBatch): Buffer {
  const writer = new BatchWriter(source, epoch)
  for (const event of events) writer.append(event)
  const message = writer.seal()
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

function answered(
  session: ClientHttp2Session,
  body: Buffer,
  { token, timeoutMs }: { token: string | undefined; timeoutMs: number },
): Promise<QuickOutcome> {
  return new Promise((resolve) => {
    // A stream of a session that failed is cancelled, with the failure as the cause.
    const fail = (error?: NodeJS.ErrnoException) => {
      const { code } = (error?.cause ?? error ?? {}) as NodeJS.ErrnoException
      resolve(code === 'ECONNREFUSED' ? { kind: 'unreached' } : other)
    }
    session.once('error', fail)
    session.once('close', () => fail())
    const call = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: path,
      'content-type': 'application/grpc',
      te: 'trailers',
      'grpc-timeout': `${Math.max(1, Math.floor(timeoutMs))}m`,
      'holdfast-client': `ts/${sdkVersion}`,
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    })
    const chunks: Buffer[] = []
    let status: unknown
    call.on('error', fail)
    call.on('data', (chunk: Buffer) => chunks.push(chunk))
    call.on('trailers', (trailers) => {
      status = trailers['grpc-status']
    })
    call.once('end', () => resolve(status === '0' ? outcomeOf(Buffer.concat(chunks)) : other))
    call.end(body)
  })
}

/** Of an `IngestBatchResponse` with its prefix. The generated code would load grpc-js. */
function outcomeOf(framed: Buffer): QuickOutcome {
  if (framed.length < 5 || framed[0] !== 0) return other
  let [refused, ledgerEpoch, revision] = [false, 0n, 0n]
  // IngestBatchResponse.outcome; BatchOutcome.{refused,ledger_epoch,revision}.
  eachField(framed.subarray(5), (field, reader) => {
    if (field !== 1) return false
    eachField(reader.bytes(), (inner, outcome) => {
      if (inner === 5) refused = true
      if (inner === 8) ledgerEpoch = BigInt(outcome.uint64())
      else if (inner === 9) revision = BigInt(outcome.uint64())
      else return false
      return true
    })
    return true
  })
  return refused ? other : { kind: 'settled', revision: revision as Revision, ledgerEpoch }
}

/** Goes over the fields of a message. `read` takes the field and says true, or leaves it to be passed over. */
function eachField(bytes: Uint8Array, read: (field: number, reader: BinaryReader) => boolean): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (!read(field, reader)) reader.skip(wireType)
  }
}
