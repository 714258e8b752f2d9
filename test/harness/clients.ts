import { type ClientOptions, credentials } from '@grpc/grpc-js'
import { AdminServiceClient } from '../../proto/gen/holdfast/v1/admin_service.ts'
import { HoldServiceClient } from '../../proto/gen/holdfast/v1/hold_service.ts'
import { IngestServiceClient } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { LockServiceClient } from '../../proto/gen/holdfast/v1/lock_service.ts'
import { StateServiceClient } from '../../proto/gen/holdfast/v1/state_service.ts'
import { tracked } from './tracked.ts'

/** The generated clients of one server, without anything of the SDK. */
export interface Clients extends Disposable {
  admin: AdminServiceClient
  ingest: IngestServiceClient
  state: StateServiceClient
  locks: LockServiceClient
  holds: HoldServiceClient
}

export function clientsOf(address: string, options: ClientOptions = {}): Clients {
  const secrets = credentials.createInsecure()
  const admin = new AdminServiceClient(address, secrets, options)
  const ingest = new IngestServiceClient(address, secrets, options)
  const state = new StateServiceClient(address, secrets, options)
  const locks = new LockServiceClient(address, secrets, options)
  const holds = new HoldServiceClient(address, secrets, options)
  const all = [admin, ingest, state, locks, holds]
  const ended = tracked(all, `clients of ${address}`)
  return {
    ...{ admin, ingest, state, locks, holds },
    [Symbol.dispose]() {
      for (const client of all) client.close()
      ended()
    },
  }
}
