import type { BinaryWriter } from '@bufbuild/protobuf/wire'
import type { HoldfastError } from './errors.ts'
import { FlatWriter } from './flat-writer.ts'
import type { IdempotencyLevel } from './retry.ts'
import { errorOfStatus, type FailedStatus } from './status.ts'

interface Method<Request, Response> {
  name: string
  requestType: { encode(message: Request, writer: FlatWriter): BinaryWriter }
  responseType: { decode(input: Uint8Array): Response }
  options: { idempotencyLevel?: IdempotencyLevel }
}

/** A method of the contract, ready to call. */
export interface Rpc<Request, Response> {
  /** `holdfast.v1.StateService/GetMachine`: its name in messages. */
  name: string
  /** `/` and its name. */
  path: string
  idempotencyLevel: IdempotencyLevel
  encode: (request: Request) => Buffer
  decode: (bytes: Uint8Array) => Response
  /** The typed error of a failed call. */
  errorOf: (status: FailedStatus, text?: string) => HoldfastError
}

/**
 * The method of a generated definition.
 *
 * @param errorOf makes the errors of a method that has some of its own
 */
export function rpc<Request, Response>(
  service: { fullName: string },
  method: Method<Request, Response>,
  errorOf: Rpc<Request, Response>['errorOf'] = errorOfStatus,
): Rpc<Request, Response> {
  const name = `${service.fullName}/${method.name}`
  return {
    name,
    path: `/${name}`,
    idempotencyLevel: method.options.idempotencyLevel,
    encode: (request) => encoded(method.requestType, request),
    decode: (bytes) => method.responseType.decode(bytes),
    errorOf,
  }
}

/** A writer whose buffer has grown past this is let go, so that one large message does not stay in memory. */
const KEEP_BYTES = 1 << 20

let shared: FlatWriter | undefined

/** A message as protobuf. One writer serves all: encoding does not wait. */
function encoded<Request>(type: Method<Request, never>['requestType'], request: Request): Buffer {
  const writer = shared ?? new FlatWriter(1024)
  // Not shared while in use: an encoder that throws leaves it behind in the middle of a message.
  shared = undefined
  const bytes = type.encode(request, writer).finish()
  if (bytes.length <= KEEP_BYTES) shared = writer
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
