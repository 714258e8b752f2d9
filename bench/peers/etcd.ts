import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import type { FanOut } from '../harness/fan-out.ts'
import { channelOptions, watchChannels } from '../harness/watch-channels.ts'
import { decodeWatchResponse, encodePut, encodeWatchCreate } from './etcd-messages.ts'
import { startEtcdServer } from './etcd-server.ts'

const key = Buffer.from('w/state')
const valueBytes = 300

/** Watches of etcd: see startEtcdServer. */
export async function startEtcd(directory: string): Promise<FanOut> {
  const server = await startEtcdServer(directory)
  const { address } = server
  const writer = new Client(address, credentials.createInsecure(), channelOptions)
  const channels = watchChannels(() => new Client(address, credentials.createInsecure(), channelOptions))
  return {
    name: 'etcd',
    write: (stamp) => put(writer, Buffer.from(String(stamp).padEnd(valueBytes))),
    async watch(watchers, onDelivered) {
      await Promise.all(
        Array.from({ length: watchers }, (_, index) =>
          watchKey(channels[index % channels.length]!, onDelivered),
        ),
      )
    },
    async [Symbol.asyncDispose]() {
      for (const client of [writer, ...channels]) client.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

function put(client: Client, value: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error: ServiceError | null) => (error === null ? resolve() : reject(error))
    client.makeUnaryRequest('/etcdserverpb.KV/Put', encodePut, (bytes: Buffer) => bytes, { key, value }, done)
  })
}

/** One watch on a stream of its own. Resolves when etcd says that it stands. */
function watchKey(client: Client, onDelivered: (stamp: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = client.makeBidiStreamRequest(
      '/etcdserverpb.Watch/Watch',
      encodeWatchCreate,
      decodeWatchResponse,
    )
    call.on('error', reject)
    call.on('data', ({ created, values }: ReturnType<typeof decodeWatchResponse>) => {
      if (created) resolve()
      for (const value of values) onDelivered(Number(Buffer.from(value).toString('latin1')))
    })
    call.write(key)
  })
}
