import type { Logger } from 'pino'

/** What a handler knows about the call that it answers. */
export interface CallContext {
  /**
   * Aborts when the caller goes, the deadline passes, or the server drains. Its reason is a HoldfastError
   * that says which.
   */
  readonly signal: AbortSignal
  /** Who calls. */
  readonly principal: string
  /** Writes with the method, the peer, the principal and the request id. */
  readonly log: Logger
  /** `holdfast.v1.StateService/GetMachine`. */
  readonly method: string
  /** When the caller stops waiting. Undefined: never. */
  readonly deadline: Date | undefined
  /** From the caller's `x-request-id`, or made up. */
  readonly requestId: string
}

/**
 * An answer that is encoded already: it is written as it is. A handler of a stream yields it in place of a
 * message when many streams get the same bytes, a unary one gives it when its rows are stored encoded.
 */
export class Encoded {
  readonly encoded: Buffer

  constructor(encoded: Uint8Array) {
    this.encoded = Buffer.isBuffer(encoded)
      ? encoded
      : Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength)
  }
}

export type Unary<Request, Response> = (request: Request, context: CallContext) => Promise<Response | Encoded>

export type ServerStream<Request, Response> = (
  request: Request,
  context: CallContext,
) => AsyncIterable<Response | Encoded>

export type ClientStream<Request, Response> = (
  requests: AsyncIterable<Request>,
  context: CallContext,
) => Promise<Response>

/** `requests` ends when the caller half-closes, and when the server drains: answer what came, then return. */
export type Bidi<Request, Response> = (
  requests: AsyncIterable<Request>,
  context: CallContext,
) => AsyncIterable<Response | Encoded>

/** A method of a service definition that ts-proto wrote. */
export interface Method<Request, Response> {
  readonly path: string
  readonly requestStream: boolean
  readonly responseStream: boolean
  readonly requestDeserialize: (bytes: Buffer) => Request
  readonly responseSerialize: (message: Response) => Buffer
}

export type Handler<M> =
  M extends Method<infer Request, infer Response>
    ? M['requestStream'] extends true
      ? M['responseStream'] extends true
        ? Bidi<Request, Response>
        : ClientStream<Request, Response>
      : M['responseStream'] extends true
        ? ServerStream<Request, Response>
        : Unary<Request, Response>
    : never

/** One handler for each method of a service definition, such as `Handlers<typeof StateServiceService>`. */
export type Handlers<Service> = { readonly [Name in keyof Service]: Handler<Service[Name]> }
