import type { LogEntry } from '../../proto/gen/holdfast/v1/run.ts'
import type { AppendRunLogRequest, AppendRunLogResponse } from '../../proto/gen/holdfast/v1/run_service.ts'
import type { Connection } from './connection.ts'
import { Reopening } from './reopening.ts'
import type { Rpc } from './rpc.ts'
import { errorOfStatus, localStatus } from './status.ts'

type AppendRpc = Rpc<AppendRunLogRequest, AppendRunLogResponse>

/** Data in one message, and in one entry. */
const messageBytes = 256 * 1024
/** A stream carries about so much before it is answered, so that no more than that is sent twice. */
const streamBytes = 1024 * 1024
/** So much may be under way before a caller has to wait. */
const roomBytes = 4 * 1024 * 1024

/** A piece of a log that is not durable yet. */
type Piece = Pick<LogEntry, 'data' | 'time' | 'stream' | 'machine'>

/**
 * Brings a log to the server in order. What comes while a stream is under way goes with the next one. What was
 * not acknowledged is sent again after a reconnect, and the server knows it by its offset: nothing is lost, and
 * nothing comes twice.
 */
export class RunLogWriter {
  readonly #connection: Connection
  readonly #method: AppendRpc
  readonly #name: string
  readonly #reopening: Reopening
  #entries: LogEntry[] = []
  #bytes = 0
  #end = 0n
  #running: Promise<void> | undefined
  #failure: Error | undefined
  #settled: (() => void)[] = []

  constructor(connection: Connection, method: AppendRpc, name: string) {
    this.#connection = connection
    this.#method = method
    this.#name = name
    this.#reopening = new Reopening(connection.tokens)
  }

  /** Takes a piece; resolves when there is room for another. Rejects when the log cannot be written any more. */
  async append(piece: Piece): Promise<void> {
    if (this.#failure) throw this.#failure
    for (let at = 0; at < piece.data.length; at += messageBytes) {
      const data = piece.data.subarray(at, at + messageBytes)
      this.#entries.push({ ...piece, data, offset: this.#end, omittedBytes: 0n })
      this.#end += BigInt(data.length)
      this.#bytes += data.length
    }
    if (this.#entries.length > 0) this.#running ??= this.#run()
    while (this.#bytes > roomBytes && !this.#failure) await this.#change()
    if (this.#failure) throw this.#failure
  }

  /** Resolves when all that was taken is durable. */
  async flush(): Promise<void> {
    await this.#running
    if (this.#failure) throw this.#failure
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#settled.push(resolve))
  }

  async #run(): Promise<void> {
    try {
      // What is logged in one turn goes out together.
      await new Promise((resolve) => setImmediate(resolve))
      while (this.#entries.length > 0) {
        const answer = await this.#send()
        if ('size' in answer) {
          this.#reopening.heard()
          this.#acknowledge(answer.size)
          continue
        }
        const delayMs = this.#reopening.delayMs(answer)
        if (delayMs === undefined) throw errorOfStatus(answer)
        await this.#connection.rest(delayMs, undefined)
      }
    } catch (error) {
      this.#failure = error as Error
    } finally {
      this.#running = undefined
      this.#wake()
    }
  }

  /** Sends the first of what waits on a stream of its own. */
  async #send() {
    const call = await this.#connection.open(this.#method)
    let sent = 0
    for (let next = 0; next < this.#entries.length && sent < streamBytes; ) {
      const entries: LogEntry[] = []
      let bytes = 0
      while (next < this.#entries.length && bytes < messageBytes) {
        const entry = this.#entries[next++]!
        entries.push(entry)
        bytes += entry.data.length
      }
      sent += bytes
      call.write(this.#method.encode({ name: this.#name, entries }))
    }
    call.finish()
    const received = await call.next()
    if (!received.done) return received.message
    return received.status ?? localStatus('INTERNAL', 'the server ended the log without an answer')
  }

  #acknowledge(size: bigint): void {
    const kept = this.#entries.findIndex(({ offset, data }) => offset + BigInt(data.length) > size)
    for (const { data } of this.#entries.splice(0, kept < 0 ? this.#entries.length : kept)) {
      this.#bytes -= data.length
    }
    this.#wake()
  }

  #wake(): void {
    for (const settled of this.#settled.splice(0)) settled()
  }
}
