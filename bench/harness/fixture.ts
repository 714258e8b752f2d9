import { join } from 'node:path'
import { type Database, startDatabase } from './database.ts'
import { scratchDirectory } from './scratch.ts'
import { type HoldfastServer, startServer } from './server-process.ts'

/** A PostgreSQL, a Holdfast server on it, and a directory for whatever else a benchmark needs. */
export interface Fixture extends AsyncDisposable {
  database: Database
  server: HoldfastServer
  directory: string
  /** The name of the server's database. */
  databaseName: string
}

/**
 * Everything that is started ends when the fixture is disposed of, and what it wrote is deleted, unless `kept`
 * names the directory to keep it in. A directory that was kept is used again.
 */
export async function startFixture(kept?: string): Promise<Fixture> {
  await using stack = new AsyncDisposableStack()
  const directory = kept ?? stack.use(await scratchDirectory()).path
  const database = stack.use(await startDatabase(directory))
  const databaseName = 'holdfast'
  const databaseUrl = await database.ensure(databaseName)
  const server = stack.use(await startServer({ databaseUrl, dataDir: join(directory, 'data') }))
  const rest = stack.move()
  return { database, server, directory, databaseName, [Symbol.asyncDispose]: () => rest.disposeAsync() }
}
