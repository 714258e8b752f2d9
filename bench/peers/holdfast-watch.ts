import { credentials, type ServiceError } from '@grpc/grpc-js'
import { Event } from '../../proto/gen/holdfast/v1/event.ts'
import { EventBatch, IngestServiceClient } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { StateServiceClient } from '../../proto/gen/holdfast/v1/state_service.ts'
import { WatchStateRequest, WatchStateResponse } from '../../proto/gen/holdfast/v1/watch.ts'
import type { FanOut } from '../harness/fan-out.ts'
import { uuidV7 } from '../harness/uuid-v7.ts'
import { channelOptions, watchChannels } from '../harness/watch-channels.ts'

/**
 * Holdfast as etcd's counterpart: the same client library without the SDK on top, one WatchState stream a
 * watcher, all with one filter. A write is a start at a new version, which carries the stamp.
 */
export function holdfastFanOut(address: string): FanOut & { deliveryBytes(): number } {
  const writer = new IngestServiceClient(address, credentials.createInsecure(), channelOptions)
  const channels = watchChannels(
    () => new StateServiceClient(address, credentials.createInsecure(), channelOptions),
  )
  const calls: ReturnType<StateServiceClient['watchState']>[] = []
  let bytes = 0
  let seq = 0n
  return {
    name: 'Holdfast',
    write: (stamp) => started(writer, String(stamp), ++seq),
    async watch(watchers, onDelivered) {
      // The watch matches something from its start on, and so is proved to stand by its snapshot.
      await started(writer, '0', ++seq)
      const standing = Array.from({ length: watchers }, (_, index) => {
        const call = channels[index % channels.length]!.watchState(
          WatchStateRequest.fromPartial({ filter: 'service = airship' }),
        )
        calls.push(call)
        return watchStands(call, (response, stamp) => {
          bytes ||= WatchStateResponse.encode(response).finish().length
          onDelivered(stamp)
        })
      })
      await Promise.all(standing)
    },
    deliveryBytes: () => bytes,
    async [Symbol.asyncDispose]() {
      for (const call of calls) call.cancel()
      for (const client of [writer, ...channels]) client.close()
    },
  }
}

function started(client: IngestServiceClient, version: string, seq: bigint): Promise<void> {
  const now = Date.now()
  const event = Event.fromPartial({
    id: uuidV7(now),
    seq,
    occurredTime: { seconds: BigInt(Math.floor(now / 1000)), nanos: (now % 1000) * 1_000_000 },
    payload: {
      $case: 'instanceStarted',
      value: { machine: { id: 'web-0' }, service: 'airship', version },
    },
  })
  const batch = EventBatch.fromPartial({ source: 'bench/watch', epoch: 1n, events: [event] })
  return new Promise((resolve, reject) => {
    client.ingestBatch({ batch }, (error: ServiceError | null, response) => {
      const refused = response?.outcome?.refused[0]?.status?.message
      if (error !== null) reject(error)
      else if (refused !== undefined) reject(new Error(refused))
      else resolve()
    })
  })
}

/** Resolves at the end of the snapshot; from then on every change is a delivery. */
function watchStands(
  call: ReturnType<StateServiceClient['watchState']>,
  onDelivered: (response: WatchStateResponse, stamp: number) => void,
): Promise<void> {
  return new Promise((resolve, reject) => {
    call.on('error', reject)
    call.on('data', (response: WatchStateResponse) => {
      if (response.step?.$case === 'snapshotEnd') resolve()
      if (response.step?.$case !== 'changes') return
      for (const { changes } of response.step.value.revisions) {
        for (const { resource } of changes) {
          if (resource?.resource?.$case !== 'instance') continue
          onDelivered(response, Number(resource.resource.value.runningVersion))
        }
      }
    })
  })
}
