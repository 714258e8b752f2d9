import { Metadata, Server, ServerCredentials, type ServiceError, status } from '@grpc/grpc-js'
import { onTestFinished } from 'vitest'
import { ErrorInfo, RetryInfo } from '../../proto/gen/google/rpc/error_details.ts'
import { Status } from '../../proto/gen/google/rpc/status.ts'
import {
  type AdminServiceServer,
  AdminServiceService,
  GetServerInfoResponse,
} from '../../proto/gen/holdfast/v1/admin_service.ts'
import { type IngestServiceServer, IngestServiceService } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { type LockServiceServer, LockServiceService } from '../../proto/gen/holdfast/v1/lock_service.ts'
import { type RunServiceServer, RunServiceService } from '../../proto/gen/holdfast/v1/run_service.ts'
import { type StateServiceServer, StateServiceService } from '../../proto/gen/holdfast/v1/state_service.ts'

type Script = Partial<
  IngestServiceServer & StateServiceServer & LockServiceServer & RunServiceServer & AdminServiceServer
>

/** A server of the real transport whose answers a test writes down. What it does not is UNIMPLEMENTED. */
export interface ScriptedPeer {
  address: string
  port: number
  /** Stops at once, open calls and all. */
  kill(): void
}

/** Starts a peer that ends with the test. */
export async function startPeer(
  script: Script,
  options: { credentials?: ServerCredentials; bind?: string } = {},
): Promise<ScriptedPeer> {
  const server = new Server()
  const known: Script = {
    getServerInfo: (_call, callback) =>
      callback(null, GetServerInfoResponse.fromPartial({ version: 'scripted', headRevision: 7n })),
    ...script,
  }
  server.addService(IngestServiceService, known as IngestServiceServer)
  server.addService(StateServiceService, known as StateServiceServer)
  server.addService(LockServiceService, known as LockServiceServer)
  server.addService(RunServiceService, known as RunServiceServer)
  server.addService(AdminServiceService, known as AdminServiceServer)
  const credentials = options.credentials ?? ServerCredentials.createInsecure()
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(options.bind ?? '127.0.0.1:0', credentials, (error, bound) =>
      error ? reject(error) : resolve(bound),
    )
  })
  onTestFinished(() => server.forceShutdown())
  return { address: `127.0.0.1:${port}`, port, kill: () => server.forceShutdown() }
}

/** A refusal as the real server sends it, with its details in the trailer. */
export function refusal(
  code: keyof typeof status,
  message: string,
  details: { reason?: string; metadata?: Record<string, string>; retryAfterMs?: number } = {},
): ServiceError {
  const { reason = code, retryAfterMs } = details
  const info = ErrorInfo.fromPartial({ reason, domain: 'holdfast.dev', metadata: details.metadata ?? {} })
  const any = [
    { typeUrl: 'type.googleapis.com/google.rpc.ErrorInfo', value: encoded(ErrorInfo.encode(info)) },
  ]
  if (retryAfterMs !== undefined) {
    const retryDelay = {
      seconds: BigInt(Math.floor(retryAfterMs / 1000)),
      nanos: (retryAfterMs % 1000) * 1e6,
    }
    any.push({
      typeUrl: 'type.googleapis.com/google.rpc.RetryInfo',
      value: encoded(RetryInfo.encode({ retryDelay })),
    })
  }
  const metadata = new Metadata()
  metadata.set(
    'grpc-status-details-bin',
    encoded(Status.encode({ code: status[code], message, details: any })),
  )
  return Object.assign(new Error(message), { code: status[code], details: message, metadata })
}

function encoded(writer: { finish(): Uint8Array }): Buffer {
  return Buffer.from(writer.finish())
}

/** Waits until something is so, at most 20 seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const limit = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > limit) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
