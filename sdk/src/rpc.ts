import type { IdempotencyLevel } from './retry.ts'

interface Method<Request, Response> {
  name: string
  requestType: { encode(message: Request): { finish(): Uint8Array } }
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
}

/** The method of a generated definition. */
export function rpc<Request, Response>(
  service: { fullName: string },
  method: Method<Request, Response>,
): Rpc<Request, Response> {
  const name = `${service.fullName}/${method.name}`
  return {
    name,
    path: `/${name}`,
    idempotencyLevel: method.options.idempotencyLevel,
    encode: (request) => bufferOf(method.requestType.encode(request).finish()),
    decode: (bytes) => method.responseType.decode(bytes),
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
