import { encode } from '../../runtime/encode.ts'
import type { FlatWriter } from '../../runtime/flat-writer.ts'
import type { HoldfastError } from './errors.ts'
import type { IdempotencyLevel } from './retry.ts'
import { errorOfStatus, type FailedStatus } from './status.ts'

/** A method of a generated definition. */
export interface Method<Request, Response> {
  name: string
  requestType: { encode(message: Request, writer: FlatWriter): unknown }
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
    encode: (request) => encode(method.requestType, request),
    decode: (bytes) => method.responseType.decode(bytes),
    errorOf,
  }
}
