import { setTimeout as pause } from 'node:timers/promises'
import { type SpawnedServer, spawnServer } from '../../harness/server.ts'
import type { Random } from './random.ts'
import { TcpProxy } from './tcp-proxy.ts'

/** A server process behind a proxy, which comes back at the same address after whatever is done to it. */
export class TorturedServer implements AsyncDisposable {
  readonly proxy: TcpProxy
  readonly #databaseUrl: string
  #server: SpawnedServer | undefined
  #busy = false

  private constructor(proxy: TcpProxy, databaseUrl: string) {
    this.proxy = proxy
    this.#databaseUrl = databaseUrl
  }

  static async start(databaseUrl: string): Promise<TorturedServer> {
    const tortured = new TorturedServer(await TcpProxy.listen(), databaseUrl)
    await tortured.#start()
    return tortured
  }

  /** Does something to it that takes a while, unless something is being done to it. */
  async suffer(fault: 'kill' | 'restart' | 'stop' | 'cut off', forMs: number): Promise<boolean> {
    if (this.#busy || this.#server === undefined) return false
    this.#busy = true
    try {
      if (fault === 'cut off') {
        this.proxy.cutOff()
        await pause(forMs)
        this.proxy.restore()
      } else if (fault === 'stop') {
        process.kill(this.#server.pid, 'SIGSTOP')
        await pause(forMs)
        process.kill(this.#server.pid, 'SIGCONT')
      } else {
        await this.#server.kill(fault === 'kill' ? 'SIGKILL' : 'SIGTERM')
        this.#server[Symbol.dispose]()
        this.#server = undefined
        await this.#start()
      }
      return true
    } finally {
      this.#busy = false
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]()
    await this.proxy[Symbol.asyncDispose]()
  }

  async #start(): Promise<void> {
    this.proxy.target = undefined
    // The database may be away just now.
    for (let attempt = 1; this.#server === undefined; attempt++) {
      this.#server = await spawnServer({ databaseUrl: this.#databaseUrl }).catch((error: unknown) => {
        if (attempt === 10) throw error
        return undefined
      })
    }
    this.proxy.target = this.#server.address
  }
}

const FAULTS = [
  'kill',
  'kill',
  'restart',
  'stop',
  'stop',
  'stop',
  'cut off',
  'cut off',
  'cut off',
  'database',
] as const

/** Does one thing after another to servers and the database, until it is over. Gives how often each was done. */
export async function torment(
  random: Random,
  victims: { servers: readonly TorturedServer[]; databasePid: () => number | undefined },
  isOver: () => boolean,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  const sufferings: Promise<void>[] = []
  while (!isOver()) {
    await pause(random.between(800, 3000))
    const fault = random.of(FAULTS)
    if (fault === 'database') {
      const pid = victims.databasePid()
      if (pid === undefined) continue
      process.kill(pid, 'SIGKILL')
      counts[fault] = (counts[fault] ?? 0) + 1
    } else {
      const suffering = random.of(victims.servers).suffer(fault, random.between(300, 3000))
      sufferings.push(
        suffering.then((done) => {
          if (done) counts[fault] = (counts[fault] ?? 0) + 1
        }),
      )
    }
  }
  await Promise.all(sufferings)
  return counts
}
