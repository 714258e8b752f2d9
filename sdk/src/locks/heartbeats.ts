import { Worker } from 'node:worker_threads'
import type { ChannelOptions } from '../channel.ts'
import type { Connection } from '../connection.ts'
import type { BeatenLease, BeaterListener, LeaseEnd } from './beater.ts'

/** What the thread is started with. */
export interface WorkerSetup {
  channel: Pick<ChannelOptions, 'address' | 'tls' | 'timeoutMs'>
  token: string | undefined
  /** Whether to ask for the token, when it is got by a function. */
  asksForToken: boolean
}

/** What the thread is told. */
export type ToWorker =
  | { type: 'add'; lease: BeatenLease }
  | { type: 'remove'; name: string }
  | { type: 'token'; token?: string; error?: string }

/** What the thread tells. */
export type FromWorker =
  | { type: 'beaten'; lease: string }
  | { type: 'dead'; lease: string; end: LeaseEnd }
  | { type: 'cut'; text: string; delayMs: number }
  | { type: 'token' }

/** The thread that beats the leases of a client, over a socket of its own. Keeps no process alive. */
export class Heartbeats {
  readonly #connection: Connection
  readonly #listener: Pick<BeaterListener, 'beaten' | 'dead'>
  #worker: Worker | undefined

  constructor(connection: Connection, listener: Pick<BeaterListener, 'beaten' | 'dead'>) {
    this.#connection = connection
    this.#listener = listener
  }

  /** Starts the thread, which takes a moment, unless it runs. */
  start(): void {
    this.#worker ??= this.#spawn()
  }

  add(lease: BeatenLease): void {
    this.start()
    this.#tell({ type: 'add', lease })
  }

  remove(name: string): void {
    if (this.#worker) this.#tell({ type: 'remove', name })
  }

  /** Ends the thread. */
  close(): void {
    void this.#worker?.terminate()
    this.#worker = undefined
  }

  #spawn(): Worker {
    const { address, tls, timeoutMs, token } = this.#connection.options
    const asksForToken = typeof token === 'function'
    const workerData: WorkerSetup = {
      channel: { address, tls, timeoutMs },
      token: asksForToken ? undefined : token,
      asksForToken,
    }
    // Without the arguments of this process: `node --input-type=module --eval` cannot start a file.
    const worker = new Worker(workerUrl(), { workerData, execArgv: [], name: 'holdfast-heartbeats' })
    worker.on('message', (message: FromWorker) => void this.#hear(message))
    worker.on('error', (error) => {
      const text = 'the thread of heartbeats failed; locks will be lost at their deadline'
      this.#connection.logger.error({ error: error.message }, text)
      if (this.#worker === worker) this.#worker = undefined
    })
    // After the listeners, which would take hold of the process again.
    worker.unref()
    return worker
  }

  async #hear(message: FromWorker): Promise<void> {
    switch (message.type) {
      case 'beaten':
        this.#listener.beaten(message.lease)
        break
      case 'dead':
        this.#listener.dead(message.lease, message.end)
        break
      case 'cut': {
        const { text: status, delayMs } = message
        this.#connection.logger.warn({ status, delayMs }, 'heartbeats were cut off; opening the stream again')
        break
      }
      case 'token':
        this.#tell({ type: 'token', ...(await this.#token()) })
    }
  }

  async #token(): Promise<{ token: string } | { error: string }> {
    const { token } = this.#connection.options
    try {
      return { token: typeof token === 'function' ? await token() : (token ?? '') }
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) }
    }
  }

  #tell(message: ToWorker): void {
    this.#worker?.postMessage(message)
  }
}

/** The thread's file lies beside this one, from source, built, and bundled. */
function workerUrl(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  return new URL(`./heartbeat-worker.${extension}`, import.meta.url)
}
