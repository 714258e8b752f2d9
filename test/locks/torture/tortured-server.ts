import { setTimeout as pause } from 'node:timers/promises'
import { type SpawnedServer, spawnServer } from '../../harness/server.ts'
import { TcpProxy } from './tcp-proxy.ts'

export type ServerFault = 'kill' | 'restart' | 'stop' | 'cut off'

/** A server process behind proxies, which comes back at the same addresses after whatever is done to it. */
export class TorturedServer implements AsyncDisposable {
  /** The first of its proxies. */
  readonly proxy: TcpProxy
  readonly #proxies: TcpProxy[] = []
  readonly #databaseUrl: string
  #server: SpawnedServer | undefined

  private constructor(proxy: TcpProxy, databaseUrl: string) {
    this.proxy = proxy
    this.#proxies.push(proxy)
    this.#databaseUrl = databaseUrl
  }

  static async start(databaseUrl: string): Promise<TorturedServer> {
    const tortured = new TorturedServer(await TcpProxy.listen(), databaseUrl)
    await tortured.#start()
    return tortured
  }

  /** Another way to it, which whoever asks for it ends. */
  async anotherProxy(): Promise<TcpProxy> {
    const proxy = await TcpProxy.listen()
    proxy.target = this.#server?.address
    this.#proxies.push(proxy)
    return proxy
  }

  /** Does something to it that takes a while. */
  async suffer(fault: ServerFault, forMs: number): Promise<void> {
    const server = this.#server
    if (server === undefined) throw new Error('something is being done to it already')
    this.check()
    if (fault === 'cut off') {
      for (const proxy of this.#proxies) proxy.cutOff()
      await pause(forMs)
      for (const proxy of this.#proxies) proxy.restore()
    } else if (fault === 'stop') {
      process.kill(server.pid, 'SIGSTOP')
      await pause(forMs)
      process.kill(server.pid, 'SIGCONT')
    } else {
      this.#server = undefined
      await server.kill(fault === 'kill' ? 'SIGKILL' : 'SIGTERM')
      server[Symbol.dispose]()
      await this.#start()
    }
  }

  /** Throws when its process has ended by itself. */
  check(): void {
    const server = this.#server
    if (server === undefined) return
    try {
      process.kill(server.pid, 0)
    } catch {
      throw new Error(`a server has ended by itself; its log ends so:\n${server.log().slice(-10_000)}`)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
    await this.proxy[Symbol.asyncDispose]()
  }

  async #start(): Promise<void> {
    this.#lead(undefined)
    // The database may be away just now.
    for (let attempt = 1; this.#server === undefined; attempt++) {
      this.#server = await spawnServer({ databaseUrl: this.#databaseUrl }).catch((error: unknown) => {
        if (attempt === 10) throw error
        return undefined
      })
    }
    this.#lead(this.#server.address)
  }

  #lead(address: string | undefined): void {
    for (const proxy of this.#proxies) proxy.target = address
  }
}
