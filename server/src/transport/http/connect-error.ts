import { status as Code } from '@grpc/grpc-js'
import type { HoldfastError } from '../../domain/error.ts'
import { rpcStatus } from '../status.ts'
import { HttpRefusal } from './http-refusal.ts'
import type { JsonCodec } from './json-codec.ts'

/** The body of a refused call, in the Connect protocol's unary shape. */
export interface ConnectError {
  /** A gRPC code in lower case, such as `invalid_argument`. */
  code: string
  message: string
  /** `google.rpc` messages: base64 without padding, and in JSON for those who read. */
  details: { type: string; value: string; debug?: unknown }[]
}

/** https://connectrpc.com/docs/protocol#error-codes */
const statuses: Record<Code, readonly [code: string, httpStatus: number]> = {
  [Code.OK]: ['ok', 200],
  [Code.CANCELLED]: ['canceled', 499],
  [Code.UNKNOWN]: ['unknown', 500],
  [Code.INVALID_ARGUMENT]: ['invalid_argument', 400],
  [Code.DEADLINE_EXCEEDED]: ['deadline_exceeded', 504],
  [Code.NOT_FOUND]: ['not_found', 404],
  [Code.ALREADY_EXISTS]: ['already_exists', 409],
  [Code.PERMISSION_DENIED]: ['permission_denied', 403],
  [Code.RESOURCE_EXHAUSTED]: ['resource_exhausted', 429],
  [Code.FAILED_PRECONDITION]: ['failed_precondition', 400],
  [Code.ABORTED]: ['aborted', 409],
  [Code.OUT_OF_RANGE]: ['out_of_range', 400],
  [Code.UNIMPLEMENTED]: ['unimplemented', 501],
  [Code.INTERNAL]: ['internal', 500],
  [Code.UNAVAILABLE]: ['unavailable', 503],
  [Code.DATA_LOSS]: ['data_loss', 500],
  [Code.UNAUTHENTICATED]: ['unauthenticated', 401],
}

export function connectError(
  error: HoldfastError,
  codec: JsonCodec,
): { httpStatus: number; body: ConnectError } {
  const { code: grpcCode, message, details } = rpcStatus(error)
  const [code, mapped] = statuses[grpcCode as Code]
  const body = {
    code,
    message,
    details: details.map(({ typeUrl, value }) => {
      const type = typeUrl.slice(typeUrl.lastIndexOf('/') + 1)
      const encoded = Buffer.from(value).toString('base64').replace(/=+$/, '')
      return { type, value: encoded, debug: codec.jsonOf(type, value) }
    }),
  }
  return { httpStatus: error instanceof HttpRefusal ? error.httpStatus : mapped, body }
}
