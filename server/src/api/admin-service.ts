import type { AdminServiceService } from '../../../proto/gen/holdfast/v1/admin_service.ts'
import { refuseViolations } from '../domain/error.ts'
import { timestampFromInstant } from '../domain/instant.ts'
import { encodePageToken } from '../domain/page-token.ts'
import { listSources } from '../store/list-sources.ts'
import { readLedger } from '../store/read-ledger.ts'
import type { Store } from '../store/store.ts'
import type { Handlers } from './handler.ts'
import { fingerprintOf, MAX_PAGE_SIZE, pageLimit, pageViolations, positionOf } from './page-request.ts'

const DAY_SECONDS = 86_400n

export interface AdminServiceOptions {
  store: Store
  /** The version of Holdfast. */
  version: string
  /** Unique to this process. */
  serverId: string
  eventRetentionDays: number
  maxBatchEvents: number
  maxRequestBytes: number
}

export function adminService({
  store,
  ...server
}: AdminServiceOptions): Handlers<typeof AdminServiceService> {
  const { version, serverId, maxBatchEvents, maxRequestBytes } = server
  return {
    async getServerInfo(_request, { principal }) {
      const { epoch, head, compacted, clock } = await readLedger(store)
      return {
        version,
        ledgerEpoch: epoch,
        headRevision: head,
        compactedRevision: compacted,
        serverTime: timestampFromInstant(clock),
        postgresVersion: store.postgresVersion,
        serverId,
        principal,
        eventRetention: { seconds: BigInt(server.eventRetentionDays) * DAY_SECONDS, nanos: 0 },
        maxBatchEvents,
        maxRequestBytes,
        maxPageSize: MAX_PAGE_SIZE,
      }
    },

    async listSources(request) {
      refuseViolations(pageViolations(request))
      const fingerprint = fingerprintOf('ListSources', request)
      const position = positionOf(request, { fingerprint, keyLength: 1 })
      const { resources, next } = await listSources(store, {
        after: position?.key,
        limit: pageLimit(request),
      })
      const nextPageToken =
        next === undefined ? '' : encodePageToken(fingerprint, { revision: 0n, now: true, key: next })
      return { sources: resources, nextPageToken }
    },
  }
}
