import { join } from 'node:path'
import { Client, credentials, type ServiceError } from '@grpc/grpc-js'
import { startChild } from '../harness/child.ts'
import type { FanOut } from '../harness/fan-out.ts'
import { freePort } from '../harness/free-port.ts'
import { channelOptions, watchChannels } from '../harness/watch-channels.ts'
import { decodeWatchResponse, encodePut, encodeWatchCreate } from './etcd-messages.ts'

const key = Buffer.from('w/state')
const valueBytes = 300

/** etcd as Debian packages it, one node, its defaults, data on the same disk. */
export async function startEtcd(directory: string): Promise<FanOut> {
  const [clients, peers] = [await freePort(), await freePort()]
  const clientUrl = `http://127.0.0.1:${clients}`
  const peerUrl = `http://127.0.0.1:${peers}`
  const flags = {
    'data-dir': join(directory, 'etcd'),
    'listen-client-urls': clientUrl,
    'advertise-client-urls': clientUrl,
    'listen-peer-urls': peerUrl,
    'initial-advertise-peer-urls': peerUrl,
    'initial-cluster': `default=${peerUrl}`,
    logger: 'zap',
  }
  const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])
  const child = await startChild('etcd', args, {
    ready: /serving client traffic/,
  }).catch((cause: unknown) => {
    throw new Error("etcd did not start; on Debian it is in the package 'etcd-server'", { cause })
  })
  const address = `127.0.0.1:${clients}`
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
      await child.stop()
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
