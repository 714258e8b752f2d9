import { HoldfastError } from '../domain/error.ts'

/**
 * Stands in for a request that is not valid protobuf, on its way through grpc-js: there a deserializer that
 * throws ends the call with INTERNAL, past the handler.
 */
export class Undecodable {
  readonly cause: unknown

  constructor(cause: unknown) {
    this.cause = cause
  }
}

export function decodeOrMark(decode: (bytes: Buffer) => unknown): (bytes: Buffer) => unknown {
  return (bytes) => {
    try {
      return decode(bytes)
    } catch (error) {
      return new Undecodable(error)
    }
  }
}

/** The message, or INVALID_REQUEST thrown. */
export function decoded<Request>(message: Request | Undecodable): Request {
  if (message instanceof Undecodable) throw refusal(message)
  return message
}

export function refusal({ cause }: Undecodable): HoldfastError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new HoldfastError(
    'INVALID_REQUEST',
    `the request is not valid protobuf of its type (${why}); encode it with the message that the method takes`,
    { cause },
  )
}
