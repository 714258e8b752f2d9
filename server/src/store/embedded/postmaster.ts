import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { HoldfastError } from '../../domain/error.ts'
import type { PostgresUser } from './postgres-user.ts'

export interface PostmasterOptions {
  program: string
  /** The cluster's directory. */
  directory: string
  /** Where the socket goes. */
  socketDirectory: string
  user: PostgresUser | undefined
  log: Logger
}

/** The port only names the socket: there is no TCP. */
export const socketPort = 5432

/**
 * Given at every start and not written into the cluster, so that a cluster never keeps old settings.
 * `wal_compression` stays off: these binaries are built without lz4, and pglz costs more CPU than it saves disk.
 */
const settings = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '100',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  fsync: 'on',
  synchronous_commit: 'on',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  lc_messages: 'C',
  log_line_prefix: '',
  // A failed statement is the caller's to report; its text may hold data.
  log_min_error_statement: 'panic',
  logging_collector: 'off',
}

const readyLine = 'database system is ready to accept connections'
const firstRetryMs = 100
const longestRetryMs = 5_000
const fastShutdownMs = 30_000

/**
 * Runs PostgreSQL, and starts it again when it ends without being told to.
 *
 * starting → running → (crash) → waiting → starting …; `stop()` leads to stopped from anywhere.
 */
export class Postmaster {
  readonly #options: PostmasterOptions
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()
  readonly #stopping = new AbortController()

  constructor(options: PostmasterOptions) {
    this.#options = options
  }

  /** Of the running PostgreSQL; undefined while there is none. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Starts it, trying again until `patienceMs` have passed; returns when it takes connections. */
  async start(patienceMs: number): Promise<void> {
    const deadline = performance.now() + patienceMs
    for (;;) {
      try {
        await this.#launch()
        return
      } catch (error) {
        if (performance.now() >= deadline) throw error
        await delay(firstRetryMs)
      }
    }
  }

  /** Ends it in good order: open transactions are rolled back, and all is on disk when it returns. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    const timers = [
      setTimeout(() => this.#kill('SIGQUIT'), fastShutdownMs),
      setTimeout(() => this.#kill('SIGKILL'), fastShutdownMs + 10_000),
    ]
    this.#kill('SIGINT')
    await this.#exited
    for (const timer of timers) clearTimeout(timer)
  }

  /** For the last moment of the process: tells PostgreSQL to end, and does not wait. */
  abandon(): void {
    this.#stopping.abort()
    this.#kill('SIGINT')
  }

  #kill(signal: NodeJS.Signals): void {
    this.#child?.kill(signal)
  }

  #launch(): Promise<void> {
    const { program, directory, socketDirectory, user, log } = this.#options
    const args = ['-D', directory, '-k', socketDirectory, '-p', String(socketPort)]
    for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`)
    const child = spawn(program, args, {
      ...user,
      cwd: directory,
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'ignore', 'pipe'],
      // Its own session: Ctrl-C in a terminal reaches every process of the foreground group.
      detached: true,
    })
    this.#child = child
    const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
    let isReady = false
    let lastFailure = ''
    createInterface({ input: child.stderr! }).on('line', (line) => {
      logLine(log, line)
      if (/^(FATAL|PANIC|ERROR):/.test(line) || lastFailure === '') lastFailure = line
      if (line.includes(readyLine)) {
        isReady = true
        resolve()
      }
    })
    this.#exited = new Promise((exited) => {
      const onEnd = (how: string) => {
        if (this.#child === child) this.#child = undefined
        exited()
        if (!isReady) reject(startFailure(directory, lastFailure || how))
        else if (!this.#stopping.signal.aborted) void this.#restart(how)
      }
      child.once('error', (error) => onEnd(error.message))
      child.once('close', (code, signal) => onEnd(signal ?? `exit code ${code}`))
    })
    return ready
  }

  async #restart(how: string): Promise<void> {
    const { log } = this.#options
    log.error({ how }, 'the database ended by itself; starting it again')
    for (
      let waitMs = firstRetryMs;
      !this.#stopping.signal.aborted;
      waitMs = Math.min(waitMs * 2, longestRetryMs)
    ) {
      try {
        await delay(waitMs, undefined, { signal: this.#stopping.signal })
        await this.#launch()
        log.info({ pid: this.pid }, 'the database runs again')
        return
      } catch (error) {
        if (!this.#stopping.signal.aborted) log.error({ err: error }, 'the database does not start')
      }
    }
  }
}

function startFailure(directory: string, why: string): HoldfastError {
  const text = why.replace(/^[A-Z]+: +/, '')
  return new HoldfastError('STORE_UNAVAILABLE', `the database in ${directory} does not start: ${text}`)
}

function logLine(log: Logger, line: string): void {
  const severity = /^([A-Z]+):/.exec(line)?.[1]
  if (severity === 'PANIC') log.error(line)
  else if (severity === 'FATAL' || severity === 'WARNING') log.warn(line)
  else log.debug(line)
}
