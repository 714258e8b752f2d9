import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { Logger } from 'pino'
import { HealthService } from '../../../proto/gen/grpc/health/v1/health.ts'
import { ServerReflectionService } from '../../../proto/gen/grpc/reflection/v1/reflection.ts'
import type { Handlers } from '../api/handler.ts'
import { type BearerToken, noAuthentication } from './bearer-token.ts'
import { authentication } from './exposure.ts'
import { Health } from './health.ts'
import type { Authenticate } from './open-call.ts'
import { OpenCalls } from './open-calls.ts'
import { reflectionHandlers, ServerReflectionV1AlphaService } from './reflection.ts'
import { implementService, type ServiceImplementation } from './service-implementation.ts'

/** The most bytes of one request. A longer one ends its call with RESOURCE_EXHAUSTED that says both lengths. */
export const maxRequestBytes = 4 * 1_024 * 1_024

export interface GrpcServerOptions {
  /** `host:port`; port 0 takes a free one. */
  address: string
  /** PEM. Without it connections are in the clear. */
  tls?: { cert: Buffer; key: Buffer } | undefined
  /** Who may call. Without any the address must be a loopback one, and callers are who they say they are. */
  tokens?: BearerToken[] | undefined
  /** Gives an encoded `google.protobuf.FileDescriptorSet` for reflection. */
  descriptorSet: () => Promise<Uint8Array>
  log: Logger
}

const lastWordsMs = 100

const channelOptions = {
  'grpc.max_receive_message_length': maxRequestBytes,
  'grpc.max_send_message_length': -1,
  // A peer that vanished without a word is noticed after 40 s, and its streams end.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_concurrent_streams': 10_000,
  // `grpc.enable_channelz` stays on, though nothing asks: without it `forceShutdown` closes no connection.
}

/** A gRPC server with health and reflection. Add services, then listen, then drain once. */
export class GrpcServer {
  readonly #options: GrpcServerOptions
  readonly #server = new Server(channelOptions)
  readonly #calls = new OpenCalls()
  readonly #authenticate: Authenticate
  readonly #services: string[] = []
  readonly #health = new Health(this.#services)
  #draining: Promise<void> | undefined

  /** Throws when the address is beyond loopback and TLS or tokens are missing. */
  constructor(options: GrpcServerOptions) {
    this.#options = options
    this.#authenticate = authentication(options)
  }

  /** How many calls are under way. */
  get openCalls(): number {
    return this.#calls.size
  }

  add<Service extends object>(service: Service, handlers: NoInfer<Handlers<Service>>): void {
    this.#services.push(this.#register(service, handlers, this.#authenticate).name)
  }

  /** Answers the address with the port that was taken. Throws an Error with `code` `EADDRINUSE` when it is. */
  async listen(): Promise<string> {
    this.#addOpen(HealthService, this.#health.handlers())
    const { descriptorSet } = this.#options
    const reflection = reflectionHandlers({ services: () => this.#services, descriptorSet })
    this.#addOpen(ServerReflectionService, reflection)
    this.#register(ServerReflectionV1AlphaService, reflection, noAuthentication)
    const { address, tls } = this.#options
    const credentials =
      tls === undefined
        ? ServerCredentials.createInsecure()
        : ServerCredentials.createSsl(null, [{ private_key: tls.key, cert_chain: tls.cert }], false)
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(address, credentials, (error, bound) =>
        error ? reject(bindError(error)) : resolve(bound),
      )
    })
    return address.replace(/\d+$/, String(port))
  }

  /**
   * Goes down in order: takes no more connections and calls, ends streams with SERVER_DRAINING, waits for
   * what is under way, and cuts what is left after `graceMs`. Handlers have ended when it returns, but for
   * those that ignore their signal.
   */
  drain(graceMs: number): Promise<void> {
    this.#draining ??= this.#drain(graceMs)
    return this.#draining
  }

  async #drain(graceMs: number): Promise<void> {
    const { log } = this.#options
    this.#health.setServing(false)
    // Who watches the health is told before its stream ends as all do.
    await nextTurn()
    const disconnected = new Promise<void>((resolve) => {
      this.#server.tryShutdown(() => resolve())
    })
    this.#calls.drain()
    const done = Promise.all([disconnected, this.#calls.idle()])
    if (await settlesWithin(done, graceMs / 2)) return
    this.#calls.endStreams()
    if (await settlesWithin(done, graceMs / 2)) return
    log.warn({ calls: this.#calls.size }, 'calls are cut off: they did not end in time')
    this.#calls.endAll()
    // Time for the last words to get through.
    if (await settlesWithin(disconnected, lastWordsMs)) return
    this.#server.forceShutdown()
    await disconnected
  }

  #addOpen<Service extends object>(service: Service, handlers: NoInfer<Handlers<Service>>): void {
    this.#services.push(this.#register(service, handlers, noAuthentication).name)
  }

  #register<Service extends object>(
    service: Service,
    handlers: NoInfer<Handlers<Service>>,
    authenticate: Authenticate,
  ): ServiceImplementation {
    const { log } = this.#options
    const made = implementService(service, handlers, { calls: this.#calls, authenticate, log })
    this.#server.addService(made.definition, made.implementation)
    return made
  }
}

async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController()
  const timeout = delay(ms, false, { signal: timer.signal }).catch(() => false)
  const settled = await Promise.race([promise.then(() => true), timeout])
  timer.abort()
  return settled
}

/** grpc-js gives the errno in its text alone, behind words of its own. */
function bindError(error: Error): Error {
  const [, message, code] = /\b(listen (E[A-Z]{4,})\b[^\]]*)/.exec(error.message) ?? []
  return code === undefined ? error : Object.assign(new Error(message, { cause: error }), { code })
}
