import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tracked } from './tracked.ts'

/** Passes TCP on, until it is told to drop it. */
export interface TcpProxy extends AsyncDisposable {
  /** `host:port` to dial in the place of the target. */
  readonly address: string
  /** From now on nothing passes, and nobody is told: what is sent is swallowed, and no socket closes. */
  drop(): void
  /** So many connections were made while it dropped what is sent. */
  readonly swallowed: number
  /** New connections pass again; the ones that were dropped stay dropped. */
  heal(): void
  /** Cuts every connection, so that both ends see it. New ones pass. */
  cut(): void
  /** Cuts every connection; new ones go there, as behind an address that was moved. */
  moveTo(target: string): void
}

/** Starts a proxy to `host:port`, or to the path of a Unix socket. */
export async function tcpProxy(first: string): Promise<TcpProxy> {
  let target = first
  const sockets = new Set<Socket>()
  let dropping = false
  let swallowed = 0
  const server = createServer((near) => {
    sockets.add(near)
    near.on('close', () => sockets.delete(near)).on('error', () => {})
    if (dropping) {
      swallowed++
      near.resume()
      return
    }
    const far = dial(target)
    sockets.add(far)
    far.on('close', () => sockets.delete(far)).on('error', () => {})
    pass(near, far)
    pass(far, near)
  })
  const dropped = new WeakSet<Socket>()
  const pass = (from: Socket, to: Socket): void => {
    from.on('data', (bytes) => void (dropped.has(from) || to.write(bytes)))
    from.on('close', () => void (dropped.has(from) || to.destroy()))
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const ended = tracked(server, `tcp proxy ${address}`)
  return {
    address,
    get swallowed() {
      return swallowed
    },
    drop() {
      dropping = true
      for (const socket of sockets) dropped.add(socket)
    },
    heal() {
      dropping = false
    },
    cut() {
      for (const socket of sockets) socket.destroy()
    },
    moveTo(next) {
      target = next
      for (const socket of sockets) socket.destroy()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      ended()
    },
  }
}

function dial(target: string): Socket {
  if (target.startsWith('/')) return connect(target)
  const at = target.lastIndexOf(':')
  return connect(Number(target.slice(at + 1)), target.slice(0, at))
}
