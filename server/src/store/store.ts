import { Migrator } from '@mikro-orm/migrations'
import { MikroORM } from '@mikro-orm/postgresql'
import type pg from 'pg'
import type { Logger } from 'pino'
import { HoldfastError } from '../domain/error.ts'
import { BY_KEY } from './by-key.ts'
import { Connections, type Queries } from './connections.ts'
import type { Replication } from './ensure-epoch.ts'
import { entities } from './entities/entities.ts'
import { EventPartitions } from './event-partitions.ts'
import { prepareTrigrams } from './log-trigrams.ts'
import { AmendedHolds } from './migrations/amended-holds.ts'
import { AssumeFunction } from './migrations/assume-function.ts'
import { AssumedBatches } from './migrations/assumed-batches.ts'
import { DiscoveryRules } from './migrations/discovery-rules.ts'
import { EpochOfLeases } from './migrations/epoch-of-leases.ts'
import { Epochs } from './migrations/epochs.ts'
import { EventAuthor } from './migrations/event-author.ts'
import { FindingFreshness } from './migrations/finding-freshness.ts'
import { Findings } from './migrations/findings.ts'
import { InitialSchema } from './migrations/initial-schema.ts'
import { ListIndexes } from './migrations/list-indexes.ts'
import { LiveLeases } from './migrations/live-leases.ts'
import { LiveLocks } from './migrations/live-locks.ts'
import { LockDelays } from './migrations/lock-delays.ts'
import { Locks } from './migrations/locks.ts'
import { MachineLabels } from './migrations/machine-labels.ts'
import { ReportIntervals } from './migrations/report-intervals.ts'
import { RunSearch } from './migrations/run-search.ts'
import { RunText } from './migrations/run-text.ts'
import { RunTextParts } from './migrations/run-text-parts.ts'
import { Runs } from './migrations/runs.ts'
import { WriterSession } from './writer-session.ts'

/** The oldest PostgreSQL that has what the schema uses: multiranges and nulls in unique indexes. */
const MIN_POSTGRES = 150_000

export interface StoreOptions {
  /** A PostgreSQL URL. The user must own the database or be allowed to create tables in it. */
  url: string
  log: Logger
  /** The most connections for reads. @defaultValue 10 */
  readers?: number | undefined
  /** How the standbys follow that may be promoted. @defaultValue asynchronous */
  replication?: Replication | undefined
}

/** One for heartbeats, one for the lease clock, one for the tail of the feed: none waits for another. */
const PROMPT_CONNECTIONS = 3

/** The database: its schema brought up to date, connections for reads, and sessions for the ledger's writer. */
export class Store implements Queries {
  readonly url: string
  readonly replication: Replication
  readonly orm: MikroORM
  readonly reads: Connections
  /**
   * For what must not wait behind reads, which may take any time: while the beats of one server wait, another one keeps
   * the lease clock going, and the leases expire.
   */
  readonly prompt: Connections
  readonly partitions: EventPartitions
  readonly postgresVersion: string
  /** Whether logs can be searched by parts of words: the database has pg_trgm. */
  readonly searchesParts: boolean

  private constructor(fields: {
    url: string
    replication: Replication
    orm: MikroORM
    reads: Connections
    prompt: Connections
    postgresVersion: string
    searchesParts: boolean
  }) {
    this.url = fields.url
    this.replication = fields.replication
    this.orm = fields.orm
    this.reads = fields.reads
    this.prompt = fields.prompt
    this.postgresVersion = fields.postgresVersion
    this.searchesParts = fields.searchesParts
    this.partitions = new EventPartitions(this.pool)
  }

  static async open({ url, log, readers = 10, replication = 'asynchronous' }: StoreOptions): Promise<Store> {
    const reads = new Connections({ url, log, name: 'holdfast-reader', most: readers })
    const prompt = new Connections({
      ...{ url, log, name: 'holdfast-prompt', most: PROMPT_CONNECTIONS, options: BY_KEY },
    })
    try {
      const postgresVersion = await checkVersion(reads)
      const orm = await MikroORM.init({
        clientUrl: url,
        entities,
        extensions: [Migrator],
        migrations: {
          migrationsList: [
            InitialSchema,
            Findings,
            Runs,
            ReportIntervals,
            Locks,
            RunSearch,
            DiscoveryRules,
            RunText,
            FindingFreshness,
            RunTextParts,
            EventAuthor,
            AssumedBatches,
            ListIndexes,
            LiveLocks,
            AssumeFunction,
            Epochs,
            LockDelays,
            MachineLabels,
            AmendedHolds,
            LiveLeases,
            EpochOfLeases,
          ],
          snapshot: false,
          transactional: true,
          allOrNothing: true,
        },
        discovery: { warnWhenNoEntities: false },
        logger: (message) => log.debug(message),
        pool: { min: 0, max: 4 },
      })
      const searchesParts = await migrate(orm, reads.pool, log)
      return new Store({ url, replication, orm, reads, prompt, postgresVersion, searchesParts })
    } catch (error) {
      await Promise.all([reads.close(), prompt.close()])
      throw error
    }
  }

  /** A connection for one group writer. */
  openWriter(): Promise<WriterSession> {
    return WriterSession.connect(this.url)
  }

  get pool(): pg.Pool {
    return this.reads.pool
  }

  /** Runs a statement on a connection for reads; a database that is away becomes STORE_UNAVAILABLE. */
  query<R extends pg.QueryResultRow>(statement: pg.QueryConfig): Promise<R[]> {
    return this.reads.query(statement)
  }

  async close(): Promise<void> {
    await Promise.all([this.reads.close(), this.prompt.close(), this.orm.close(true)])
  }
}

export const openStore = (options: StoreOptions): Promise<Store> => Store.open(options)

async function checkVersion(reads: Connections): Promise<string> {
  const { rows } = await reads.pool.query<{ number: number; text: string }>(
    `select current_setting('server_version_num')::int as number, split_part(current_setting('server_version'), ' ', 1) as text`,
  )
  const { number, text } = rows[0]!
  if (number >= MIN_POSTGRES) return text
  throw new HoldfastError(
    'STORE_UNAVAILABLE',
    `the database is PostgreSQL ${text}; Holdfast needs 15 or newer. Upgrade it, or leave DATABASE_URL unset to use the embedded one`,
    { metadata: { postgresVersion: text } },
  )
}

/**
 * Brings the schema up to date; gives whether logs can be searched by parts of words. Several servers may start at once
 * on one database: one migrates, the others wait for it.
 */
async function migrate(orm: MikroORM, pool: pg.Pool, log: Logger): Promise<boolean> {
  const client = await pool.connect()
  try {
    await client.query(`select pg_advisory_lock(hashtext('holdfast migrations'))`)
    await orm.migrator.up()
    return await prepareTrigrams(client, log)
  } finally {
    await client.query(`select pg_advisory_unlock_all()`)
    client.release()
  }
}
