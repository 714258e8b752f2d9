import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import { Event } from '../../proto/gen/holdfast/v1/event.ts'
import { EventBatch, IngestServiceClient } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { WatchStateRequest } from '../../proto/gen/holdfast/v1/watch.ts'
import type { FanOut } from '../harness/fan-out.ts'
import { uuidV7 } from '../harness/uuid-v7.ts'
import { channelOptions, watchChannels } from '../harness/watch-channels.ts'
import { eachField } from '../harness/wire-fields.ts'

/**
 * Holdfast as etcd's counterpart: the same client library without the SDK on top, one WatchState stream a
 * watcher, all with one filter. A write is a start at a new version, which carries the stamp.
 */
export function holdfastFanOut(address: string): FanOut & { deliveryBytes(): number } {
  const writer = new IngestServiceClient(address, credentials.createInsecure(), channelOptions)
  const channels = watchChannels(() => new Client(address, credentials.createInsecure(), channelOptions))
  let bytes = 0
  let seq = 0n
  return {
    name: 'Holdfast',
    write: (stamp) => started(writer, String(stamp), ++seq),
    async watch(watchers, onDelivered) {
      // The watch matches something from its start on, and so is proved to stand by its snapshot.
      await started(writer, '0', ++seq)
      const standing = Array.from({ length: watchers }, (_, index) =>
        watchStands(channels[index % channels.length]!, (response, stamp) => {
          bytes ||= response.length
          onDelivered(stamp)
        }),
      )
      await Promise.all(standing)
    },
    deliveryBytes: () => bytes,
    async [Symbol.asyncDispose]() {
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
function watchStands(client: Client, onDelivered: (bytes: Buffer, stamp: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = client.makeServerStreamRequest(
      '/holdfast.v1.StateService/WatchState',
      (request: WatchStateRequest) => Buffer.from(WatchStateRequest.encode(request).finish()),
      (bytes: Buffer) => bytes,
      WatchStateRequest.fromPartial({ filter: 'service = airship' }),
    )
    call.on('error', reject)
    call.on('data', (bytes: Buffer) => {
      eachField(bytes, (reader, step) => {
        if (step === 2) resolve()
        if (step !== 3) return false
        eachField(reader.bytes(), (changes, field) => {
          if (field !== 1) return false
          eachRunningVersion(changes.bytes(), (version) => onDelivered(bytes, Number(version)))
          return true
        })
        return true
      })
    })
  })
}

/** The `running_version` of each change of a revision, as etcd's client takes the value out of each event. */
function eachRunningVersion(revision: Uint8Array, onVersion: (version: string) => void): void {
  const into = (bytes: Uint8Array, [field, ...path]: number[]): void =>
    eachField(bytes, (reader, at) => {
      if (at !== field) return false
      if (path.length === 0) onVersion(reader.string())
      else into(reader.bytes(), path)
      return true
    })
  // RevisionChanges.changes, Change.resource, Resource.instance, Instance.running_version
  into(revision, [3, 2, 4, 14])
}
