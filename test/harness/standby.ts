import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { appendFile, chown, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { postgresBinaries } from '../../server/src/store/embedded/postgres-binaries.ts'
import { letThrough, type PostgresUser, postgresUser } from '../../server/src/store/embedded/postgres-user.ts'
import { sql } from '../watch/history.ts'
import { databaseDirectory } from './database-directory.ts'
import { type TcpProxy, tcpProxy } from './tcp-proxy.ts'
import { tracked } from './tracked.ts'
import { until, within } from './wait.ts'

const run = promisify(execFile)
const PORT = 5432

/** Small and quick. What a process that is killed has written stays written, so nothing waits for the disk. */
const settings = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  shared_buffers: '32MB',
  fsync: 'off',
  max_wal_size: '64MB',
  wal_level: 'replica',
  hot_standby: 'on',
  wal_receiver_status_interval: '1',
  wal_retrieve_retry_interval: '100ms',
  jit: 'off',
  timezone: 'UTC',
  lc_messages: 'C',
}

/** One PostgreSQL of a pair, in a process of its own that is not started again. */
export class PostgresNode {
  /** Where its data is, and its socket. */
  readonly directory: string
  readonly url: string
  readonly #program: string
  readonly #user: PostgresUser | undefined
  #child: ChildProcess | undefined
  #exited: Promise<void> = Promise.resolve()

  constructor(directory: string, program: string, user: PostgresUser | undefined) {
    this.directory = directory
    this.#program = program
    this.#user = user
    this.url = `postgres://holdfast@${encodeURIComponent(directory)}:${PORT}/postgres`
  }

  get socket(): string {
    return join(this.directory, `.s.PGSQL.${PORT}`)
  }

  /** Starts it as what its directory says that it is; returns when it takes connections. */
  async start(): Promise<void> {
    // What a killed one left behind holds its shared memory for a moment.
    await until(`PostgreSQL in ${this.directory}`, () => this.#launch())
  }

  async #launch(): Promise<boolean> {
    const args = ['-D', this.directory, '-k', this.directory, '-p', String(PORT)]
    for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`)
    const child = spawn(this.#program, args, {
      ...this.#user,
      cwd: this.directory,
      env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const ended = tracked(child, `PostgreSQL in ${this.directory}`)
    let exited = false
    let log = ''
    this.#child = child
    this.#exited = new Promise((resolve) => {
      child.once('close', () => {
        ended()
        exited = true
        resolve()
      })
    })
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-10_000)
    })
    return until(`PostgreSQL in ${this.directory} to take connections`, () => {
      if (exited && /pre-existing shared memory block/.test(log)) return { left: true }
      if (exited) throw new Error(`PostgreSQL did not start: ${log}`)
      return /ready to accept (read-only )?connections/.test(log) && { left: false }
    }).then(({ left }) => !left)
  }

  /** Ends its processes without a word to anybody, as a machine does that loses its power; returns when they are gone. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL')
    await within(`the end of PostgreSQL in ${this.directory}`, this.#exited)
  }

  /** Becomes the primary; returns when it is one. */
  async promote(): Promise<void> {
    const { rows } = await this.query<{ promoted: boolean }>('select pg_promote(true, 60) as promoted')
    if (!rows[0]!.promoted) throw new Error('the standby was not promoted within 60 s')
  }

  query<Row extends Record<string, unknown>>(text: string, values: unknown[] = []) {
    return sql<Row>(this.url, text, values)
  }
}

/** A primary with a standby that streams from it, and the address that the servers know them by. */
export interface Pair extends AsyncDisposable {
  readonly primary: PostgresNode
  readonly standby: PostgresNode
  /** For `DATABASE_URL`: goes to the primary, until it is moved, as with a virtual IP or a proxy. */
  readonly url: string
  readonly proxy: TcpProxy
  /** From now on what the primary commits does not reach the standby. */
  cutReplication(): Promise<void>
  /** Kills the primary, promotes the standby, and moves the address. */
  failOver(): Promise<void>
}

/** Starts a primary and its standby. With `synchronous` a commit is acknowledged when it is at both. */
export async function primaryAndStandby({ synchronous }: { synchronous: boolean }): Promise<Pair> {
  const root = await databaseDirectory()
  const ended = tracked({ root }, `primary and standby in ${root}`)
  const user = await postgresUser(root)
  if (user !== undefined) await letThrough(root, user)
  const { initdb, postgres } = await postgresBinaries(root, user)
  const [primary, standby] = ['a', 'b'].map((name) => new PostgresNode(join(root, name), postgres, user)) as [
    PostgresNode,
    PostgresNode,
  ]
  const end = async () => {
    await Promise.all([primary.kill(), standby.kill()])
    await rm(root, { recursive: true, force: true })
    ended()
  }
  try {
    await mkdir(primary.directory, { mode: 0o700 })
    if (user !== undefined) await chown(primary.directory, user.uid, user.gid)
    const made = [
      '--username=holdfast',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C',
      '--wal-segsize=1',
      '--no-sync',
    ]
    await run(initdb, ['-D', primary.directory, ...made], { ...user, cwd: root, env: { LC_ALL: 'C' } })
    // A copy of a cluster that does not run is a base backup.
    await run('cp', ['-a', primary.directory, standby.directory])
    const from = `host=${primary.directory} port=${PORT} user=holdfast application_name=standby`
    await appendFile(join(standby.directory, 'postgresql.conf'), `primary_conninfo = '${from}'\n`)
    await writeFile(join(standby.directory, 'standby.signal'), '')
    if (user !== undefined) await chown(join(standby.directory, 'standby.signal'), user.uid, user.gid)
    await primary.start()
    await standby.start()
    if (synchronous) await set(primary, 'synchronous_standby_names', 'standby')
    const wanted = synchronous ? 'sync' : 'async'
    await until(`a standby that is ${wanted}`, async () => {
      const { rows } = await primary.query(
        "select from pg_stat_replication where state = 'streaming' and sync_state = $1",
        [wanted],
      )
      return rows.length === 1
    })
    const proxy = await tcpProxy(primary.socket)
    return {
      ...{ primary, standby, proxy },
      url: `postgres://holdfast@${proxy.address}/postgres`,
      async cutReplication() {
        await set(standby, 'primary_conninfo', '')
        await until('the end of replication', async () => {
          const { rows } = await standby.query('select from pg_stat_wal_receiver')
          return rows.length === 0
        })
      },
      async failOver() {
        await primary.kill()
        await standby.promote()
        proxy.moveTo(standby.socket)
      },
      async [Symbol.asyncDispose]() {
        await proxy[Symbol.asyncDispose]()
        await end()
      },
    }
  } catch (error) {
    await end()
    throw error
  }
}

async function set(node: PostgresNode, setting: string, value: string): Promise<void> {
  await node.query(`alter system set ${setting} = '${value}'`)
  await node.query('select pg_reload_conf()')
}
