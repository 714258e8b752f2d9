import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  ServiceDefinition,
  sendUnaryData,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import type { Logger } from 'pino'
import {
  type Bidi,
  type ClientStream,
  Encoded,
  type Handlers,
  type Method,
  type ServerStream,
  type Unary,
} from '../api/handler.ts'
import type { Authenticate, OpenCall, SurfaceCall } from './open-call.ts'
import { draining, type OpenCalls } from './open-calls.ts'
import { RequestStream } from './request-stream.ts'
import { writeResponses } from './response-stream.ts'
import { grpcStatus } from './status.ts'
import { decoded, decodeOrMark } from './undecodable.ts'

export interface ImplementationOptions {
  calls: OpenCalls
  authenticate: Authenticate
  log: Logger
}

export interface ServiceImplementation {
  /** `holdfast.v1.StateService` */
  name: string
  definition: ServiceDefinition
  implementation: UntypedServiceImplementation
}

type AnyMethod = Method<unknown, unknown>

/**
 * Makes grpc-js handlers out of plain ones. Holds, whatever a handler does:
 * - every call ends with one status, also when the handler throws before or after the first message;
 * - a handler's signal aborts and its iterator's `return()` is called when the caller goes;
 * - neither side of a stream buffers more than a fixed number of messages.
 */
export function implementService<Service extends object>(
  service: Service,
  handlers: Handlers<Service>,
  options: ImplementationOptions,
): ServiceImplementation {
  const definition: Record<string, AnyMethod> = {}
  const implementation: UntypedServiceImplementation = {}
  let name = ''
  for (const [key, method] of Object.entries(service as Record<string, AnyMethod>)) {
    name = method.path.split('/')[1]!
    definition[key] = {
      ...method,
      requestDeserialize: decodeOrMark(method.requestDeserialize),
      responseSerialize: serializer(method, options.log),
    }
    implementation[key] = handle(method, (handlers as Record<string, unknown>)[key], options)
  }
  return { name, definition: definition as unknown as ServiceDefinition, implementation }
}

function serializer(method: AnyMethod, log: Logger): (message: unknown) => Buffer {
  const serialize = method.responseSerialize
  return (message) => {
    if (message instanceof Encoded) return message.encoded
    try {
      return serialize(message)
    } catch (error) {
      // grpc-js ends the call with INTERNAL and forgets the cause.
      log.error({ err: error, method: method.path.slice(1) }, 'a response cannot be encoded')
      throw error
    }
  }
}

function handle(
  method: AnyMethod,
  handler: unknown,
  options: ImplementationOptions,
): UntypedServiceImplementation[string] {
  const open = (call: SurfaceCall): OpenCall =>
    options.calls.open(call, {
      method: method.path.slice(1),
      streams: method.requestStream || method.responseStream,
      authenticate: options.authenticate,
      log: options.log,
    })
  if (method.requestStream && method.responseStream) {
    return (call: ServerDuplexStream<unknown, unknown>) =>
      void answerBidi(call, handler as Bidi<unknown, unknown>, open(call), options.calls)
  }
  if (method.requestStream) {
    return (call: ServerReadableStream<unknown, unknown>, respond: sendUnaryData<unknown>) =>
      void answerClientStream(
        call,
        respond,
        handler as ClientStream<unknown, unknown>,
        open(call),
        options.calls,
      )
  }
  if (method.responseStream) {
    return (call: ServerWritableStream<unknown, unknown>) =>
      void answerServerStream(call, handler as ServerStream<unknown, unknown>, open(call), options.calls)
  }
  return (call: ServerUnaryCall<unknown, unknown>, respond: sendUnaryData<unknown>) =>
    void answerUnary(call, respond, handler as Unary<unknown, unknown>, open(call), options.calls)
}

function answerUnary(
  call: ServerUnaryCall<unknown, unknown>,
  respond: sendUnaryData<unknown>,
  handler: Unary<unknown, unknown>,
  context: OpenCall,
  calls: OpenCalls,
): Promise<void> {
  return answerOnce(respond, context, calls, () => handler(decoded(call.request), context))
}

function answerClientStream(
  call: ServerReadableStream<unknown, unknown>,
  respond: sendUnaryData<unknown>,
  handler: ClientStream<unknown, unknown>,
  context: OpenCall,
  calls: OpenCalls,
): Promise<void> {
  return answerOnce(respond, context, calls, () => handler(new RequestStream(call, context.signal), context))
}

async function answerOnce(
  respond: sendUnaryData<unknown>,
  context: OpenCall,
  calls: OpenCalls,
  work: () => Promise<unknown>,
): Promise<void> {
  let working: Promise<unknown> | undefined
  try {
    calls.admit(context)
    working = work()
    const response = await context.unlessEnded(working)
    context.succeed()
    respond(null, response)
  } catch (error) {
    respond(grpcStatus(context.fail(error)))
    await working?.catch((late) => late === error || context.failLate(late))
  } finally {
    calls.close(context)
  }
}

function answerServerStream(
  call: ServerWritableStream<unknown, unknown>,
  handler: ServerStream<unknown, unknown>,
  context: OpenCall,
  calls: OpenCalls,
): Promise<void> {
  return answerStream(call, context, calls, () => handler(decoded(call.request), context))
}

function answerBidi(
  call: ServerDuplexStream<unknown, unknown>,
  handler: Bidi<unknown, unknown>,
  context: OpenCall,
  calls: OpenCalls,
): Promise<void> {
  return answerStream(call, context, calls, () => {
    const requests = new RequestStream<unknown>(call, context.signal)
    context.windUp = () => requests.finish()
    return handler(requests, context)
  })
}

async function answerStream(
  call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
  context: OpenCall,
  calls: OpenCalls,
  respond: () => AsyncIterable<unknown>,
): Promise<void> {
  let writing: Promise<void> | undefined
  try {
    calls.admit(context)
    writing = writeResponses(call, respond(), context.signal)
    // The client is told at once; the handler may take longer to notice.
    await context.unlessEnded(writing)
    if (context.windingUp) throw draining()
    context.succeed()
    call.end()
  } catch (error) {
    call.emit('error', grpcStatus(context.fail(error)))
    await writing?.catch((late) => late === error || context.failLate(late))
  } finally {
    calls.close(context)
  }
}
