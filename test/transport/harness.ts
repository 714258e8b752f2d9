import { setTimeout as delay } from 'node:timers/promises'
import { ChannelCredentials, type ClientDuplexStream, Metadata, type ServiceError } from '@grpc/grpc-js'
import { pino } from 'pino'
import { BadRequest, ErrorInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts'
import { Status } from '../../proto/gen/google/rpc/status.ts'
import { AdminServiceClient, AdminServiceService } from '../../proto/gen/holdfast/v1/admin_service.ts'
import {
  IngestRequest,
  type IngestResponse,
  IngestServiceClient,
  IngestServiceService,
} from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { StateServiceClient, StateServiceService } from '../../proto/gen/holdfast/v1/state_service.ts'
import { WatchStateResponse } from '../../proto/gen/holdfast/v1/watch.ts'
import type { Handlers } from '../../server/src/api/handler.ts'
import { HoldfastError } from '../../server/src/domain/error.ts'
import { GrpcServer, type GrpcServerOptions } from '../../server/src/transport/grpc-server.ts'

/** Handlers of the services used in these tests; a method without one is refused. */
export interface TestHandlers {
  admin?: Partial<Handlers<typeof AdminServiceService>>
  ingest?: Partial<Handlers<typeof IngestServiceService>>
  state?: Partial<Handlers<typeof StateServiceService>>
}

export interface TestServer extends AsyncDisposable {
  server: GrpcServer
  address: string
  /** Every line of the log, parsed. */
  logged: Record<string, unknown>[]
  admin: AdminServiceClient
  ingest: IngestServiceClient
  state: StateServiceClient
}

const refuse = (): never => {
  throw new HoldfastError('NOT_FOUND', 'this test has no handler for the method')
}

function complete<Service extends object>(service: Service, some: object = {}): Handlers<Service> {
  const all = Object.fromEntries(Object.keys(service).map((key) => [key, refuse]))
  return { ...all, ...some } as unknown as Handlers<Service>
}

export interface ServeOptions extends Partial<GrpcServerOptions> {
  credentials?: ChannelCredentials
  channelOptions?: object
  /** In place of the generated one. */
  ingestService?: typeof IngestServiceService
}

/** A server on a free port with a client of each service. Without `tokens` it is open on loopback. */
export async function serve(handlers: TestHandlers, options: ServeOptions = {}): Promise<TestServer> {
  const logged: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const descriptorSet = () => Promise.reject(new Error('not for this test'))
  const server = new GrpcServer({ address: '127.0.0.1:0', log, descriptorSet, ...options })
  server.add(AdminServiceService, complete(AdminServiceService, handlers.admin))
  const ingestDefinition = options.ingestService ?? IngestServiceService
  server.add(ingestDefinition, complete(ingestDefinition, handlers.ingest))
  server.add(StateServiceService, complete(StateServiceService, handlers.state))
  const address = await server.listen()
  const credentials = options.credentials ?? ChannelCredentials.createInsecure()
  const clients = [AdminServiceClient, IngestServiceClient, StateServiceClient].map(
    (Client) => new Client(address, credentials, options.channelOptions),
  ) as [AdminServiceClient, IngestServiceClient, StateServiceClient]
  const [admin, ingest, state] = clients
  return {
    ...{ server, address, logged, admin, ingest, state },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.close()
      await server.drain(200)
    },
  }
}

/** The outcome of a unary call: its answer or its error. */
export function settle<Response>(
  start: (callback: (error: ServiceError | null, response: Response) => void) => unknown,
): Promise<{ error: ServiceError | undefined; response: Response }> {
  return new Promise((resolve) => {
    start((error, response) => resolve({ error: error ?? undefined, response }))
  })
}

/** Reads a stream to its end, and gives what came and the error that ended it. */
export async function collect<Message>(
  stream: AsyncIterable<Message>,
): Promise<{ messages: Message[]; error: ServiceError | undefined }> {
  const messages: Message[] = []
  try {
    for await (const message of stream) messages.push(message)
    return { messages, error: undefined }
  } catch (error) {
    return { messages, error: error as ServiceError }
  }
}

export interface Details {
  status: Status
  info: ErrorInfo | undefined
  badRequest: BadRequest | undefined
  retry: RetryInfo | undefined
}

/** What `grpc-status-details-bin` says. */
export function detailsOf(error: ServiceError | undefined): Details {
  const [bytes] = error?.metadata.get('grpc-status-details-bin') ?? []
  if (!Buffer.isBuffer(bytes)) throw new Error(`no status details with ${error?.message}`)
  const status = Status.decode(bytes)
  const find = (name: string) =>
    status.details.find(({ typeUrl }) => typeUrl === `type.googleapis.com/google.rpc.${name}`)?.value
  const [info, badRequest, retry] = [find('ErrorInfo'), find('BadRequest'), find('RetryInfo')]
  return {
    status,
    info: info && ErrorInfo.decode(info),
    badRequest: badRequest && BadRequest.decode(badRequest),
    retry: retry && RetryInfo.decode(retry),
  }
}

/** Waits until the figure has been the same for a while, and gives it. */
export async function steady(figure: () => number): Promise<number> {
  for (let last = figure(), same = 0; ; ) {
    await delay(20)
    const now = figure()
    same = now === last ? same + 1 : 0
    if (same === 10) return now
    last = now
  }
}

/** A batch whose encoding takes about so many bytes. */
export function batch(source: string, bytes = 0): IngestRequest {
  const id = 'x'.repeat(bytes)
  return IngestRequest.fromPartial({ batch: { source, epoch: 1n, events: bytes === 0 ? [] : [{ id }] } })
}

export function step(revision: number, padding = 0): WatchStateResponse {
  const position = { ledgerEpoch: 1n, revision: BigInt(revision), snapshotCursor: 'x'.repeat(padding) }
  return WatchStateResponse.fromPartial({ step: { $case: 'progress', value: { position } } })
}

export function revisionOf(message: WatchStateResponse): number {
  return Number(message.step?.value?.position?.revision)
}

/** Sends bytes as they are to a method of IngestService. */
export function rawIngest(client: IngestServiceClient): ClientDuplexStream<Buffer, IngestResponse> {
  return client.makeBidiStreamRequest(
    IngestServiceService.ingest.path,
    (bytes: Buffer) => bytes,
    IngestServiceService.ingest.responseDeserialize,
  )
}

export const bearer = (token: string): Metadata => {
  const metadata = new Metadata()
  metadata.set('authorization', `Bearer ${token}`)
  return metadata
}
