import { Worker } from 'node:worker_threads'
import type { ChannelOptions } from '../channel.ts'
import type { Connection } from '../connection.ts'
import type { BeatenLease, BeaterListener, LeaseEnd } from './beater.ts'

/** What the thread is started with. */
export interface WorkerSetup {
  channel: Pick<ChannelOptions, 'address' | 'tls' | 'timeoutMs'>
  /** Whether there may be a better token than one that was refused, to be asked for. */
  renewable: boolean
}

/** What the thread is told. */
export type ToWorker =
  // With the token: a program that blocks right after the grant answers nothing that is asked then.
  | { type: 'add'; lease: BeatenLease; token: string | undefined }
  | { type: 'remove'; name: string }
  | { type: 'token'; token?: string | undefined; error?: string }

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
    this.#tell({ type: 'add', lease, token: this.#connection.tokens.current })
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
    const { address, tls, timeoutMs } = this.#connection.options
    const { renewable } = this.#connection.tokens
    const workerData: WorkerSetup = { channel: { address, tls, timeoutMs }, renewable }
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
        this.#tell({ type: 'token', ...(await this.#renewed()) })
    }
  }

  async #renewed(): Promise<{ token: string | undefined } | { error: string }> {
    try {
      return { token: await this.#connection.tokens.renew() }
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
