import { join } from 'node:path'
import { startChild } from '../harness/child.ts'
import { freePort } from '../harness/free-port.ts'

export interface EtcdServer extends AsyncDisposable {
  pid: number
  /** `host:port` of its gRPC API. */
  address: string
}

/** etcd as Debian packages it, one node, its defaults, data on the same disk. */
export async function startEtcdServer(directory: string): Promise<EtcdServer> {
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
  return { pid: child.pid, address: `127.0.0.1:${clients}`, [Symbol.asyncDispose]: child.stop }
}
