import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Door } from '../../api/door.ts'
import type { Handler, Handlers, Method, Unary } from '../../api/handler.ts'
import type { BearerToken } from '../bearer-token.ts'
import { authentication } from '../exposure.ts'
import { isLoopback, splitAddress } from '../loopback.ts'
import type { Authenticate } from '../open-call.ts'
import { OpenCalls } from '../open-calls.ts'
import { connectError } from './connect-error.ts'
import { Exchange } from './exchange.ts'
import { HttpRefusal } from './http-refusal.ts'
import { JsonCodec } from './json-codec.ts'
import type { Route, RouteAnswer } from './route.ts'
import { unaryRoute } from './unary-route.ts'

export interface HttpServerOptions {
  /** `host:port`; port 0 takes a free one. */
  address: string
  /** PEM. Without it connections are in the clear. */
  tls?: { cert: Buffer; key: Buffer } | undefined
  /** Who may call. Without any the address must be a loopback one, and callers are who they say they are. */
  tokens?: BearerToken[] | undefined
  /** Gives an encoded `google.protobuf.FileDescriptorSet`, which says how messages look in JSON. */
  descriptorSet: () => Promise<Uint8Array>
  log: Logger
}

/** How long a client may take to send its request. */
const requestTimeoutMs = 30_000

type UnaryNames<Service> = {
  [Name in keyof Service]: Service[Name] extends Method<infer Request, infer Response>
    ? Handler<Service[Name]> extends Unary<Request, Response>
      ? Name
      : never
    : never
}[keyof Service]

/** The unary handlers of a service; its streams may be there too. */
type UnaryHandlers<Service> = Pick<Handlers<Service>, UnaryNames<Service>>

/**
 * The HTTP listener: unary methods as `POST /holdfast.v1.Service/Method` in the Connect protocol's shape, and doors.
 * Callers are known by the same tokens as with gRPC. Add services and doors, then listen, then drain once.
 */
export class HttpServer {
  readonly #options: HttpServerOptions
  readonly #routes = new Map<string, Route>()
  readonly #calls = new OpenCalls()
  readonly #authenticate: Authenticate
  readonly #server: Server
  #codec: Promise<JsonCodec> | undefined
  #draining: Promise<void> | undefined

  /** Throws when the address is beyond loopback and TLS or tokens are missing. */
  constructor(options: HttpServerOptions) {
    this.#options = options
    this.#authenticate = authentication(options)
    const timeouts = { requestTimeout: requestTimeoutMs, headersTimeout: requestTimeoutMs }
    const listener = (request: IncomingMessage, response: ServerResponse) =>
      void this.#serve(request, response).catch((error: unknown) => {
        options.log.error({ err: error }, 'a request could not be answered')
        response.destroy()
      })
    this.#server =
      options.tls === undefined
        ? createServer(timeouts, listener)
        : createTlsServer({ ...timeouts, ...options.tls }, listener)
  }

  /** How many calls are under way. */
  get openCalls(): number {
    return this.#calls.size
  }

  /** Serves the unary methods of a service definition; to serve some of them, give a part of it. */
  add<Service extends object>(service: Service, handlers: NoInfer<UnaryHandlers<Service>>): void {
    for (const [key, method] of Object.entries(service as Record<string, Method<unknown, unknown>>)) {
      if (method.requestStream || method.responseStream) continue
      const handler = (handlers as Record<string, unknown>)[key] as Unary<unknown, unknown>
      this.#routes.set(
        method.path,
        unaryRoute(method, handler, () => this.#json()),
      )
    }
  }

  addDoor({ path, maxBytes, tokenHeader, handle }: Door): void {
    const answer: Route['answer'] = async (request, context) => {
      const { status, json } = await handle(request, context)
      if (json === undefined) return { status, body: '', headers: {} }
      return { status, body: JSON.stringify(json), headers: { 'content-type': 'application/json' } }
    }
    this.#routes.set(path, { name: path.slice(1), maxBytes, tokenHeader, answer })
  }

  /** Answers the URL with the port that was taken. Throws an Error with `code` `EADDRINUSE` when it is. */
  async listen(): Promise<string> {
    const { address, tls } = this.#options
    const { host, port } = splitAddress(address)!
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    const bound = (this.#server.address() as AddressInfo).port
    return `${tls === undefined ? 'http' : 'https'}://${address.replace(/\d+$/, String(bound))}`
  }

  /** Takes no more connections and calls, waits for what is under way, and cuts what is left after `graceMs`. */
  drain(graceMs: number): Promise<void> {
    this.#draining ??= this.#drain(graceMs)
    return this.#draining
  }

  async #drain(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#calls.drain()
    const timer = new AbortController()
    const late = delay(graceMs, 'late', { signal: timer.signal }).catch(() => {})
    if ((await Promise.race([this.#calls.idle(), late])) === 'late') {
      this.#options.log.warn({ calls: this.#calls.size }, 'HTTP calls are cut off: they did not end in time')
      this.#calls.endAll()
    }
    timer.abort()
    // Answers that were written are on their way; what still sends a request gets none.
    this.#server.closeIdleConnections()
    setImmediate(() => this.#server.closeAllConnections())
    await closed
  }

  /** Read at the first request: most servers see none for a while, and starting should not wait for it. */
  #json(): Promise<JsonCodec> {
    this.#codec ??= this.#options.descriptorSet().then((bytes) => new JsonCodec(bytes))
    return this.#codec
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = '', query = ''] = (request.url ?? '').split('?', 2)
    const route = this.#routes.get(path)
    const exchange = new Exchange(request, response, route?.tokenHeader)
    const context = this.#calls.open(exchange, {
      method: route?.name ?? 'http',
      streams: false,
      authenticate: this.#authenticate,
      log: this.#options.log,
    })
    let working: Promise<RouteAnswer> | undefined
    try {
      this.#checkCaller(request)
      if (route === undefined) {
        throw new HttpRefusal(404, `there is nothing at ${path}; methods are at /holdfast.v1.Service/Method`)
      }
      if (request.method !== 'POST') {
        throw new HttpRefusal(405, `${request.method} is not taken at ${path}; send a POST`)
      }
      this.#calls.admit(context)
      const body = await context.unlessEnded(exchange.body(route.maxBytes))
      const doorRequest = { headers: request.headers, query: new URLSearchParams(query), body }
      working = route.answer(doorRequest, context)
      const answer = await context.unlessEnded(working)
      context.succeed()
      exchange.answer(answer.status, answer.body, { ...answer.headers, 'x-request-id': context.requestId })
    } catch (error) {
      const { httpStatus, body } = connectError(context.fail(error), await this.#json())
      exchange.answer(httpStatus, `${JSON.stringify(body)}\n`, {
        'content-type': 'application/json',
        'x-request-id': context.requestId,
        ...(httpStatus === 405 && { allow: 'POST' }),
      })
      await working?.catch((late) => late === error || context.failLate(late))
    } finally {
      this.#calls.close(context)
    }
  }

  /**
   * Without tokens whoever reaches loopback may write, and a browser on this machine does. A page that points its own
   * name at 127.0.0.1 is stopped by the name, any other by its origin, which browsers send with every POST.
   */
  #checkCaller({ headers: { host = '', origin } }: IncomingMessage): void {
    if (this.#options.tokens !== undefined) return
    if (!isLoopback(splitAddress(host)?.host ?? host)) {
      const hint = 'without tokens only names of this machine are taken, such as 127.0.0.1'
      throw new HttpRefusal(403, `the host ${JSON.stringify(host)} is not known here; ${hint}`)
    }
    if (origin !== undefined && !(URL.canParse(origin) && new URL(origin).host === host)) {
      const hint = 'without tokens no page of another server may call'
      throw new HttpRefusal(403, `the origin ${JSON.stringify(origin)} is not this server; ${hint}`)
    }
  }
}
