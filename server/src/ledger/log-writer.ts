import { setTimeout } from 'node:timers/promises'
import { constants, zstdCompressSync } from 'node:zlib'
import { StoredLogChunk } from '../../../proto/gen/holdfast/internal/v1/run_log.ts'
import { type LogEntry, Run_State } from '../../../proto/gen/holdfast/v1/run.ts'
import { encode } from '../../../runtime/encode.ts'
import { HoldfastError } from '../domain/error.ts'
import { newEntries } from '../domain/runs/log-append.ts'
import { noRun, runFinished } from '../domain/runs/standing-run.ts'
import { appendLogs, type LogChunk, type LogState } from '../store/append-log.ts'
import type { Store } from '../store/store.ts'
import type { LogFeed } from './log-feed.ts'

/** One transaction takes appends until they hold this much. */
const BATCH_BYTES = 8 << 20
/** Entries of one run are put into chunks of about this. */
const CHUNK_BYTES = 256 * 1024
/** How long the ledger is given to be done with a run, before its log is tried again. */
const BUSY_MS = 2
const ZSTD_PARAMS = { [constants.ZSTD_c_compressionLevel]: 3 }

interface Pending {
  run: string
  entries: LogEntry[]
  bytes: number
  late: boolean
  resolve: (size: bigint) => void
  reject: (error: unknown) => void
}

/**
 * All appends to logs of this process, apart from the ledger's writer: a log is not state, and must not wait
 * for the ledger's row. As there, what comes while a transaction commits is the next one, and nobody waits for
 * a timer. An append that is refused fails alone.
 */
export class LogWriter {
  readonly #store: Store
  readonly #feed: LogFeed
  #queue: Pending[] = []
  #running: Promise<void> | undefined
  #stopped = false

  constructor({ store, feed }: { store: Store; feed: LogFeed }) {
    this.#store = store
    this.#feed = feed
  }

  /**
   * Appends to the log of a run; gives how many bytes it has once that is durable. Throws NOT_FOUND,
   * RUN_FINISHED, or LOG_GAP; or STORE_UNAVAILABLE, after which it may have been appended, and can be again. The log
   * of a run that was abandoned is closed, too, but for who tells its end after all (`late`).
   */
  append(run: string, entries: LogEntry[], { late = false } = {}): Promise<bigint> {
    if (this.#stopped) {
      const error = new HoldfastError('SERVER_DRAINING', 'this server is stopping; go on at another', {
        retryAfterMs: 200,
      })
      return Promise.reject(error)
    }
    const bytes = entries.reduce((sum, { data }) => sum + data.length, 0)
    return new Promise((resolve, reject) => {
      this.#queue.push({ run, entries, bytes, late, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Finishes what waits; refuses more. */
  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(): Promise<void> {
    await null
    while (this.#queue.length > 0) {
      let bytes = 0
      let count = 0
      while (count < this.#queue.length && bytes < BATCH_BYTES) bytes += this.#queue[count++]!.bytes
      const busy = await this.#write(this.#queue.splice(0, count))
      this.#queue.unshift(...busy)
      if (busy.length === this.#queue.length && busy.length > 0) await setTimeout(BUSY_MS)
    }
    this.#running = undefined
  }

  /** Gives those whose runs are busy: to be tried again. */
  async #write(batch: Pending[]): Promise<Pending[]> {
    const runs = [...new Set(batch.map(({ run }) => run))]
    let answers: (() => void)[] = []
    let waiting: Pending[] = []
    try {
      await appendLogs(this.#store, runs, ({ logs, busy }) => {
        waiting = batch.filter(({ run }) => busy.has(run))
        const decided = decide(
          batch.filter(({ run }) => !busy.has(run)),
          logs,
        )
        answers = decided.answers
        return decided.chunks
      })
    } catch (error) {
      for (const { reject } of batch) reject(error)
      return []
    }
    for (const answer of answers) answer()
    this.#feed.publish(runs)
    return waiting
  }
}

function decide(
  batch: Pending[],
  logs: ReadonlyMap<string, LogState>,
): { chunks: LogChunk[]; answers: (() => void)[] } {
  const sizes = new Map([...logs.values()].map(({ name, size }) => [name, size]))
  const appended = new Map<string, LogEntry[]>()
  const answers = batch.map(({ run, entries, late, resolve, reject }) => {
    try {
      const log = logs.get(run)
      if (log === undefined) throw noRun(run)
      const fresh = newEntries(run, sizes.get(run)!, entries)
      const open = log.state === Run_State.RUNNING || (late && log.state === Run_State.ABANDONED)
      if (fresh.entries.length > 0 && !open) throw runFinished(run, log.state)
      const list = appended.get(run) ?? []
      appended.set(run, list)
      list.push(...fresh.entries)
      sizes.set(run, fresh.size)
      return () => resolve(fresh.size)
    } catch (error) {
      return () => reject(error)
    }
  })
  const chunks = [...appended].flatMap(([run, entries]) => {
    const { id, size } = logs.get(run)!
    return chunksOf(id, size, entries)
  })
  return { chunks, answers }
}

function chunksOf(runId: bigint, size: bigint, entries: LogEntry[]): LogChunk[] {
  const chunks: LogChunk[] = []
  let firstByte = size
  let held: LogEntry[] = []
  let bytes = 0
  const cut = (): void => {
    if (held.length === 0) return
    const wire = encode(StoredLogChunk, { entries: held })
    const body = zstdCompressSync(wire, { params: ZSTD_PARAMS })
    chunks.push({ runId, firstByte, bytes, body })
    firstByte += BigInt(bytes)
    held = []
    bytes = 0
  }
  for (const entry of entries) {
    held.push({ ...entry, offset: 0n, omittedBytes: 0n })
    bytes += entry.data.length
    if (bytes >= CHUNK_BYTES) cut()
  }
  cut()
  return chunks
}
