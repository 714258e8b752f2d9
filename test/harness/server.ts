import { type ChildProcess, spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { type Config, loadConfig } from '../../server/src/config.ts'
import { startServer } from '../../server/src/main.ts'
import { type Clients, clientsOf } from './clients.ts'
import { testDatabase } from './database.ts'
import { databaseDirectory } from './database-directory.ts'
import { tracked } from './tracked.ts'
import { until, within } from './wait.ts'

const program = fileURLToPath(new URL('run-server.ts', import.meta.url))

/** A server in this process, with clients. Ends with its `await using`. */
export interface TestServer extends Clients, AsyncDisposable {
  readonly address: string
  /** `http://host:port` */
  readonly httpUrl: string
  /** Of its database. */
  readonly url: string
  /** Every line of its log, parsed. */
  readonly logged: Record<string, unknown>[]
}

/** Starts a server on a free port, on a database of its own or on the one that is given. */
export async function testServer(config: Partial<Config> = {}): Promise<TestServer> {
  const database = config.databaseUrl === undefined ? await testDatabase() : undefined
  const url = config.databaseUrl ?? database!.url
  const logged: Record<string, unknown>[] = []
  const log = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const defaults = loadConfig({ argv: [], env: { HOLDFAST_ADDRESS: '127.0.0.1:0', DATABASE_URL: url } })
  const server = await startServer({ ...defaults, ...config, databaseUrl: url }, log)
  const ended = tracked(server, `server ${server.address}`)
  const clients = clientsOf(server.address)
  return {
    ...clients,
    ...{ address: server.address, httpUrl: server.httpUrl, url, logged },
    async [Symbol.asyncDispose]() {
      clients[Symbol.dispose]()
      await server.stop()
      await database?.[Symbol.asyncDispose]()
      ended()
    },
  }
}

export interface SpawnOptions {
  /** Of an external database. Undefined: the embedded one, in `dataDir`. */
  databaseUrl?: string
  dataDir?: string
  /** More of the environment. */
  env?: Record<string, string>
}

/** A server in a process of its own, with clients. Ends with its `await using`. */
export interface SpawnedServer extends Clients, AsyncDisposable {
  readonly address: string
  /** `http://host:port` */
  readonly httpUrl: string
  readonly pid: number
  /** What it wrote to its log so far. */
  readonly log: () => string
  /** Sends the signal and waits for the end of the process. Gives its exit code; undefined after a kill. */
  kill(signal: NodeJS.Signals): Promise<number | undefined>
}

/** Runs a server as users do, and waits until it says that it listens. */
export async function spawnServer(options: SpawnOptions): Promise<SpawnedServer> {
  const { databaseUrl, dataDir } = options
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    // Free ones. The port of a server that was killed may be somebody else's by then: one that is to come back where it
    // was stands behind a `tcpProxy`.
    HOLDFAST_ADDRESS: '127.0.0.1:0',
    HOLDFAST_HTTP_ADDRESS: '127.0.0.1:0',
    ...(databaseUrl !== undefined && { DATABASE_URL: databaseUrl }),
    ...(dataDir !== undefined && { HOLDFAST_DATA_DIR: dataDir }),
    ...options.env,
  }
  const child = spawn(process.execPath, ['--conditions=holdfast-source', program], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const ended = tracked(child, `server process ${child.pid}`)
  const exited = new Promise<number | undefined>((resolve) => {
    child.once('close', (code) => {
      ended()
      resolve(code ?? undefined)
    })
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const { address, httpUrl } = await listening(child, output).catch(async (error: unknown) => {
    child.kill('SIGKILL')
    await exited
    throw error
  })
  const clients = clientsOf(address)
  const kill = async (signal: NodeJS.Signals): Promise<number | undefined> => {
    child.kill(signal)
    return within(`the end of server ${address} after ${signal}`, exited, 60_000)
  }
  return {
    ...clients,
    ...{ address, httpUrl, pid: child.pid!, log: () => output.stderr, kill },
    async [Symbol.asyncDispose]() {
      clients[Symbol.dispose]()
      // In order, since an embedded database ends with it.
      await kill('SIGTERM').catch(() => kill('SIGKILL'))
    },
  }
}

async function listening(
  child: ChildProcess,
  output: { stdout: string; stderr: string },
): Promise<{ address: string; httpUrl: string }> {
  const failed = () => new Error(`the server did not start: ${output.stdout}${output.stderr}`)
  return until(
    'a server process to listen',
    () => {
      if (child.exitCode !== null || child.signalCode !== null) throw failed()
      const ready = /^listening on (\S+)\nhttp on (\S+)$/m.exec(output.stdout)
      return ready === null ? undefined : { address: ready[1]!, httpUrl: ready[2]! }
    },
    // Half a second when nobody else is busy; the embedded one makes its database first.
    60_000,
  )
}

/** A directory for an embedded database. Ends what is left of the database, and is removed, when disposed of. */
export interface TestDataDir extends AsyncDisposable {
  readonly path: string
  /** Of the postmaster that runs on it now, or the last one that did. */
  postmaster(): Promise<number>
}

export async function testDataDir(): Promise<TestDataDir> {
  const path = await databaseDirectory()
  const ended = tracked({ path }, `data directory ${path}`)
  const postmaster = async () => {
    const text = await readFile(join(path, 'postgres', 'postmaster.pid'), 'utf8').catch(() => '')
    return Number.parseInt(text, 10)
  }
  return {
    path,
    postmaster,
    async [Symbol.asyncDispose]() {
      // Left by a server that was killed: the file is gone after an orderly end.
      const pid = await postmaster()
      if (!Number.isNaN(pid) && signalled(pid, 'SIGQUIT')) {
        await until('the end of a database left behind', () => !signalled(pid, 0))
      }
      await rm(path, { recursive: true, force: true })
      ended()
    },
  }
}

function signalled(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}
