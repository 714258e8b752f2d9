import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/**
 * Stands between clients and a server. While it is cut off, nothing passes and nobody is told, as with a network that
 * drops packets: connections stand, and what was sent arrives when it is whole again. Cut off twice, it is whole when it
 * was restored twice.
 */
export class TcpProxy implements AsyncDisposable {
  readonly #server = createServer((client) => this.#accept(client))
  readonly #sockets = new Set<Socket>()
  #target: string | undefined
  #cuts = 0

  static async listen(): Promise<TcpProxy> {
    const proxy = new TcpProxy()
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  /** Where clients connect. */
  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Where new connections lead; undefined: nowhere. */
  set target(address: string | undefined) {
    this.#target = address
  }

  cutOff(): void {
    this.#cuts++
    for (const socket of this.#sockets) socket.pause()
  }

  restore(): void {
    if (--this.#cuts > 0) return
    for (const socket of this.#sockets) socket.resume()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    if (this.#target === undefined) {
      client.destroy()
      return
    }
    const [host, port] = this.#target.split(':') as [string, string]
    const upstream = connect(Number(port), host)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(from)
      from.on('data', (bytes) => to.write(bytes))
      from.on('error', () => to.destroy())
      from.once('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      if (this.#cuts > 0) from.pause()
    }
  }
}
