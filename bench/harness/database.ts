import { join } from 'node:path'
import pg from 'pg'
import { pino } from 'pino'
import { startEmbeddedPostgres } from '../../server/src/store/embedded-postgres.ts'

/**
 * The PostgreSQL that the server embeds, with its settings: fsync and synchronous_commit are on. The server under
 * test and its raw peer share it, each in its own database, and reach it by the same socket.
 */
export interface Database extends AsyncDisposable {
  /** Of the postmaster. */
  readonly pid: number
  /** Makes a database, unless it is there, and returns its URL. */
  ensure(name: string): Promise<string>
  /** One connection, as a program that uses `pg` opens it. Ends with the database, if not before. */
  connect(name: string): Promise<pg.Client>
}

export async function startDatabase(directory: string): Promise<Database> {
  const log = pino({ level: 'warn' }, pino.destination({ dest: 2, sync: true }))
  const postgres = await startEmbeddedPostgres({ dataDir: join(directory, 'database'), log })
  const urlOf = (name: string) => postgres.url.replace(/[^/]*$/, name)
  const clients: pg.Client[] = []
  const connect = async (name: string) => {
    const client = new pg.Client({ connectionString: urlOf(name) })
    // A connection that breaks fails its next query, which says so.
    client.on('error', () => {})
    await client.connect()
    clients.push(client)
    return client
  }
  return {
    get pid() {
      return postgres.pid!
    },
    async ensure(name) {
      const client = await connect('postgres')
      const { rowCount } = await client.query('select from pg_database where datname = $1', [name])
      if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`)
      await client.end()
      return urlOf(name)
    },
    connect,
    async [Symbol.asyncDispose]() {
      await Promise.allSettled(clients.map((client) => client.end()))
      await postgres.stop()
    },
  }
}
