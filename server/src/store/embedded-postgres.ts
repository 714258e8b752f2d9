import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Logger } from 'pino'
import { HoldfastError } from '../domain/error.ts'
import { databaseName, prepareCluster } from './embedded/cluster.ts'
import { DataDirLock } from './embedded/data-dir-lock.ts'
import { settleOrphan } from './embedded/orphan.ts'
import { postgresBinaries } from './embedded/postgres-binaries.ts'
import { barrier, letThrough, type PostgresUser, postgresUser } from './embedded/postgres-user.ts'
import { Postmaster, socketPort } from './embedded/postmaster.ts'

export interface EmbeddedPostgresOptions {
  /** Absolute. Made when it is not there; the database goes into its `postgres`. */
  dataDir: string
  log: Logger
}

export interface EmbeddedPostgres {
  /** Of a superuser, over a unix socket. Stays the same when PostgreSQL is started again. */
  readonly url: string
  /** Of the running PostgreSQL; undefined while it is being started again. */
  readonly pid: number | undefined
  /** Ends PostgreSQL in good order and gives the data directory free. */
  stop(): Promise<void>
  /** For the last moment of the process: tells PostgreSQL to end, and does not wait. */
  abandon(): void
}

/** How long leftovers of a killed PostgreSQL may keep its shared memory. */
const leftoverPatienceMs = 10_000
/** The longest path of a unix socket on Linux and macOS. */
const longestSocketPath = 103

/**
 * Runs PostgreSQL as a child of this process, with its data in `<dataDir>/postgres`, making the database when
 * there is none. Recovers from kill -9 of the server, of PostgreSQL, or of both. When PostgreSQL ends by
 * itself it is started again, with growing pauses, until `stop()`.
 *
 * Throws STORE_UNAVAILABLE with what to do: the directory is in use or cannot be written, the disk is full, the
 * data is of another PostgreSQL.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { dataDir } = options
  let lock: DataDirLock | undefined
  try {
    lock = await DataDirLock.acquire(dataDir)
    return await start(options, lock)
  } catch (error) {
    await lock?.release()
    throw explained(error, dataDir)
  }
}

async function start(
  { dataDir, log }: EmbeddedPostgresOptions,
  lock: DataDirLock,
): Promise<EmbeddedPostgres> {
  const directory = join(dataDir, 'postgres')
  const user = await postgresUser(directory)
  if (user !== undefined) await openTheWay(dataDir, user)
  const binaries = await postgresBinaries(dataDir, user)
  const leftBehind = await settleOrphan(directory, log)
  const passwordFile = join(dataDir, 'postgres-password')
  const password = await prepareCluster({ directory, passwordFile, binaries, user, log })
  const socketDirectory = await socketDirectoryFor(directory, user)
  const postmaster = new Postmaster({ program: binaries.postgres, directory, socketDirectory, user, log })
  await postmaster.start(leftBehind ? leftoverPatienceMs : 0)
  return {
    url: `postgres://${databaseName}:${password}@${encodeURIComponent(socketDirectory)}:${socketPort}/${databaseName}`,
    get pid() {
      return postmaster.pid
    },
    stop: async () => {
      await postmaster.stop()
      if (socketDirectory !== directory) await rm(socketDirectory, { recursive: true, force: true })
      await lock.release()
    },
    abandon: () => postmaster.abandon(),
  }
}

async function openTheWay(dataDir: string, user: PostgresUser): Promise<void> {
  await letThrough(dataDir, user)
  const closed = await barrier(dataDir, user)
  if (closed === undefined) return
  throw new HoldfastError(
    'STORE_UNAVAILABLE',
    `PostgreSQL does not run as root, and the user that it runs as (uid ${user.uid}) may not pass ${closed} to ${dataDir}: ` +
      'set HOLDFAST_DATA_DIR to a directory that it can reach, such as /var/lib/holdfast, or run Holdfast as another user',
  )
}

/** In the cluster, unless its path is too long for a socket. */
async function socketDirectoryFor(directory: string, user: PostgresUser | undefined): Promise<string> {
  if (Buffer.byteLength(join(directory, `.s.PGSQL.${socketPort}`)) <= longestSocketPath) return directory
  const short = await mkdtemp(join(tmpdir(), 'holdfast-'))
  await chmod(short, 0o700)
  if (user !== undefined) await chown(short, user.uid, user.gid)
  return short
}

/** Errors of the file system, in words. */
function explained(error: unknown, dataDir: string): unknown {
  const { code, path } = error as NodeJS.ErrnoException
  const reasons: Record<string, string> = {
    EACCES: 'permission denied; give it to the user that runs Holdfast',
    EPERM: 'not permitted; give it to the user that runs Holdfast',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
    ENOTDIR: 'a part of its path is a file',
    EEXIST: 'it is a file',
  }
  const why = code === undefined ? undefined : reasons[code]
  if (why === undefined) return error
  return new HoldfastError(
    'STORE_UNAVAILABLE',
    `the data directory ${dataDir} cannot be used: ${path ?? dirname(dataDir)}: ${why}, or set HOLDFAST_DATA_DIR to another`,
    { cause: error },
  )
}
