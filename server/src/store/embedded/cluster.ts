import { type SpawnOptions, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chown, mkdir, open, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Logger } from 'pino'
import { HoldfastError } from '../../domain/error.ts'
import { type PostgresBinaries, postgresMajor } from './postgres-binaries.ts'
import type { PostgresUser } from './postgres-user.ts'

/** The superuser of the cluster and its database. */
export const databaseName = 'holdfast'

export interface ClusterOptions {
  /** The cluster's own directory. */
  directory: string
  passwordFile: string
  binaries: PostgresBinaries
  user: PostgresUser | undefined
  log: Logger
}

/**
 * Makes sure that there is a cluster with our user, database and password, and gives the password. A cluster
 * appears whole or not at all: it is made under another name and renamed.
 */
export async function prepareCluster(options: ClusterOptions): Promise<string> {
  const { directory, passwordFile } = options
  const major = await readIfThere(join(directory, 'PG_VERSION'))
  if (major === undefined) return makeCluster(options)
  if (major.trim() !== String(postgresMajor)) throw otherMajor(directory, major.trim())
  const password = await readIfThere(passwordFile)
  return password?.trim() || resetPassword(options)
}

async function makeCluster(options: ClusterOptions): Promise<string> {
  const { directory, binaries, user, log } = options
  const foreign = await readdir(directory).catch(() => [])
  if (foreign.length > 0) {
    const text = `${directory} is not empty and holds no database: move it away, or set HOLDFAST_DATA_DIR to another directory`
    throw new HoldfastError('STORE_UNAVAILABLE', text)
  }
  log.info({ directory }, 'making a new database')
  const fresh = `${directory}.new`
  const passwordFile = `${directory}.new-password`
  const password = randomBytes(24).toString('base64url')
  await rm(fresh, { recursive: true, force: true })
  await mkdir(fresh, { mode: 0o700 })
  await writeFile(passwordFile, password, { mode: 0o600 })
  if (user !== undefined) {
    await chown(fresh, user.uid, user.gid)
    await chown(passwordFile, user.uid, user.gid)
  }
  const settings = [`--username=${databaseName}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  const locale = ['--encoding=UTF8', '--locale=C', '--data-checksums']
  try {
    await runAs(user, binaries.initdb, ['-D', fresh, ...settings, ...locale], { cwd: fresh })
    await single(options, fresh, `create database ${databaseName}`)
    await writeDurably(options.passwordFile, password)
    if (foreign !== undefined) await rmdir(directory).catch(() => {})
    await rename(fresh, directory)
    await syncDirectory(dirname(directory))
  } finally {
    await rm(passwordFile, { force: true })
  }
  return password
}

async function resetPassword(options: ClusterOptions): Promise<string> {
  options.log.warn({ file: options.passwordFile }, 'the password of the database is lost; setting a new one')
  const password = randomBytes(24).toString('base64url')
  await single(options, options.directory, `alter role ${databaseName} password '${password}'`)
  await writeDurably(options.passwordFile, password)
  return password
}

/** Runs one statement in a cluster that is not running. */
async function single(options: ClusterOptions, directory: string, statement: string): Promise<void> {
  const args = ['--single', '-D', directory, '-c', 'exit_on_error=on', 'postgres']
  await runAs(options.user, options.binaries.postgres, args, { cwd: directory }, `${statement};\n`)
}

async function runAs(
  user: PostgresUser | undefined,
  program: string,
  args: string[],
  options: SpawnOptions,
  input = '',
): Promise<void> {
  const child = spawn(program, args, { ...options, ...user, env: { LC_ALL: 'C', PATH: '/usr/bin:/bin' } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-4_000)
    })
  }
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
  const outcome = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (code, signal) => resolve(code === 0 ? '' : `${signal ?? `exit code ${code}`}`))
  })
  if (outcome === '') return
  const lines = output.split('\n').filter((line) => /error|fatal|panic|could not/i.test(line))
  const why = lines.at(-1)?.trim() ?? outcome
  throw new HoldfastError(
    'STORE_UNAVAILABLE',
    `the database in ${String(options.cwd)} cannot be set up: ${why}`,
    {
      cause: new Error(output.trim() || outcome),
    },
  )
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const partial = `${path}.partial`
  await rm(partial, { force: true })
  const file = await open(partial, 'wx', 0o600)
  try {
    await file.writeFile(`${text}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

function otherMajor(directory: string, major: string): HoldfastError {
  return new HoldfastError(
    'STORE_UNAVAILABLE',
    `the database in ${directory} was made by PostgreSQL ${major}, and this Holdfast brings ${postgresMajor}: dump it ` +
      `with PostgreSQL ${major} and restore it into a new HOLDFAST_DATA_DIR, or run PostgreSQL ${major} on it and set DATABASE_URL`,
    { metadata: { directory, major } },
  )
}
