import pg from 'pg'
import type { Logger } from 'pino'
import { pgTypes } from './pg-types.ts'
import { storeError } from './store-error.ts'

/** What takes a statement and gives its rows; a database that is away becomes STORE_UNAVAILABLE. */
export interface Queries {
  query<R extends pg.QueryResultRow>(statement: pg.QueryConfig): Promise<R[]>
}

export interface ConnectionsOptions {
  url: string
  log: Logger
  name: string
  most: number
  /** Settings of each session. */
  options?: string
}

/** At most so many connections to the database. Each statement goes out on one that is free, and waits 5 s for it. */
export class Connections implements Queries {
  readonly pool: pg.Pool

  constructor({ url, log, name, most, options = '' }: ConnectionsOptions) {
    this.pool = new pg.Pool({
      connectionString: url,
      max: most,
      types: pgTypes,
      application_name: name,
      connectionTimeoutMillis: 5000,
      options,
    })
    this.pool.on('error', (error) => log.warn({ err: error }, 'an idle database connection was lost'))
    // One that is in use and has nothing to do, in the middle of a transaction, is not the pool's to listen to; its next
    // query fails. Without anybody listening the process would end.
    this.pool.on('connect', (client) => client.on('error', () => {}))
  }

  async query<R extends pg.QueryResultRow>(statement: pg.QueryConfig): Promise<R[]> {
    try {
      return (await this.pool.query<R>(statement)).rows
    } catch (error) {
      throw storeError(error)
    }
  }

  async close(): Promise<void> {
    await this.pool.end()
  }
}
