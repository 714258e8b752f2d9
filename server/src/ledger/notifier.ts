import pg from 'pg'
import type { Logger } from 'pino'

const MIN_INTERVAL_MS = 5
const RECONNECT_MS = 1000

/**
 * Tells the other servers on this database that the head, or a log, has moved, and hears it from them. A hint and no
 * more: the feed polls behind it. Sent after the commit on a connection of its own, since a NOTIFY inside a
 * transaction takes a lock of the whole database at commit; at most one every 5 ms, however many commits.
 */
export class Notifier {
  readonly #url: string
  readonly #log: Logger
  readonly #onHint: () => void
  readonly #channel: string
  #client: pg.Client | undefined
  #sending = false
  #wanted = false
  #stopped = false
  #timer: NodeJS.Timeout | undefined

  constructor({
    url,
    log,
    channel,
    onHint,
  }: { url: string; log: Logger; channel: 'holdfast_head' | 'holdfast_run_log'; onHint: () => void }) {
    this.#channel = channel
    this.#url = url
    this.#log = log
    this.#onHint = onHint
  }

  async start(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'holdfast-notifier',
      connectionTimeoutMillis: 5000,
      keepAlive: true,
      // A notification takes a transaction id, and its commit would wait for the disk beside the writer's.
      options: '-c synchronous_commit=off',
    })
    client.on('error', (error) => {
      this.#lost(client, error)
    })
    client.on('end', () => {
      this.#lost(client, undefined)
    })
    let own = -1
    client.on('notification', ({ processId }) => {
      if (processId !== own) this.#onHint()
    })
    try {
      await client.connect()
      own = (client as pg.Client & { processID: number }).processID
      await client.query(`listen ${this.#channel}`)
    } catch (error) {
      // At a standby nobody can listen; each try would leave a connection there.
      client.end().catch(() => {})
      throw error
    }
    // Stopped while it was connecting again.
    if (this.#stopped) {
      await client.end()
      return
    }
    this.#client = client
    // Whatever was notified while nobody listened.
    this.#onHint()
  }

  /** Says that the head has moved. Never waits, never fails. */
  notify(): void {
    this.#wanted = true
    if (!this.#sending) void this.#send()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    const client = this.#client
    this.#client = undefined
    await client?.end().catch(() => {})
  }

  async #send(): Promise<void> {
    this.#sending = true
    while (this.#wanted && this.#client !== undefined) {
      this.#wanted = false
      try {
        await this.#client.query(`notify ${this.#channel}`)
      } catch {
        break
      }
      await new Promise((resolve) => setTimeout(resolve, MIN_INTERVAL_MS).unref())
    }
    this.#sending = false
  }

  #lost(client: pg.Client, error: Error | undefined): void {
    if (this.#stopped || this.#client !== client) return
    this.#client = undefined
    this.#log.warn({ err: error }, 'the connection for notifications was lost; the feed polls meanwhile')
    client.end().catch(() => {})
    this.#reconnect()
  }

  #reconnect(): void {
    this.#timer = setTimeout(() => {
      if (this.#stopped) return
      this.start().catch(() => {
        this.#reconnect()
      })
    }, RECONNECT_MS)
    this.#timer.unref()
  }
}
