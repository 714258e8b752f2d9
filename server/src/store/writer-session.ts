import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { Instant } from '../domain/instant.ts'
import type { LoadKeys } from '../domain/load-keys.ts'
import { LockTable } from '../domain/locks/lock-table.ts'
import { WorkingSet } from '../domain/working-set.ts'
import { AssumedLedger, type Assumption, isDisproof, onlyAssumed } from './assumed-ledger.ts'
import { BY_KEY } from './by-key.ts'
import { type EpochCheck, ensureEpoch, type LedgerEpoch } from './ensure-epoch.ts'
import type { EventPartitions } from './event-partitions.ts'
import { addLoaded, loadBatch, loadedRow, positionIn } from './load-batch.ts'
import { loadLocks } from './load-locks.ts'
import { micros, pgTypes } from './pg-types.ts'
import { Pipeline, type PipelineResult, type Statement, type TextRow } from './pipeline.ts'
import { RowCache } from './row-cache.ts'
import { saveBatch } from './save-batch.ts'

/**
 * One connection on which batches are written, one at a time. A batch is two round trips: everything it reads
 * goes out in one pipeline behind `begin` and the ledger's lock, everything it writes in another before
 * `commit` (a third when an alias led to a machine of another name, or another server changed who waits). A batch that
 * needs nothing that is not at hand is one: see `assume`.
 */
export class WriterSession {
  readonly #client: pg.Client
  readonly #cache = new RowCache()
  /** Names of the statements that this connection has prepared. */
  readonly #prepared = new Set<string>()
  /** Which locks there are, once the first batch has asked; and when that was so. */
  #locks: LockTable | undefined
  readonly #assumed = new AssumedLedger()
  #now = 0n as Instant
  #epoch = 0n
  /** Before this time no lock is granted. */
  #grantsFrom = 0n as Instant
  #failure: Error | undefined

  private constructor(client: pg.Client) {
    this.#client = client
    client.on('error', (error) => {
      this.#failure = error
    })
  }

  static async connect(url: string): Promise<WriterSession> {
    const client = new pg.Client({
      connectionString: url,
      types: pgTypes,
      application_name: 'holdfast-writer',
      connectionTimeoutMillis: 5000,
      keepAlive: true,
      // A pipeline goes out behind those that are on their way, without waiting for their answers.
      pipeline: true,
      // A server that stops in the middle must not hold the ledger: its replicas wait for the row.
      idle_in_transaction_session_timeout: 10_000,
      // No timeout: PostgreSQL acknowledges a commit whose wait for a synchronous standby it cuts off.
      options: `-c statement_timeout=0 ${BY_KEY}`,
    } as pg.ClientConfig)
    const session = new WriterSession(client)
    await client.connect()
    return session
  }

  /** Which locks there are; undefined before the first batch. */
  get locks(): LockTable | undefined {
    return this.#locks
  }

  /** Whether the connection is lost. A lost session is closed and replaced. */
  get broken(): boolean {
    return this.#failure !== undefined
  }

  /** Begins a transaction, locks the ledger, and loads what the batch wants to see. */
  async begin(keys: LoadKeys, partitions: EventPartitions): Promise<WorkingSet> {
    const known = this.#locks
    const lockRevision = known?.revision
    if (known !== undefined) keys.withLocks({ locks: known, epoch: this.#epoch, now: this.#now })
    const rows = (await this.#send(BEGIN, LOCK, loadBatch(keys, { partitions, lockRevision }))).rows
      // The lock gives a row of no columns.
      .filter(({ length }) => length > 0)
      .map(loadedRow)
    const ledger = positionIn(rows)
    if (ledger.epoch !== this.#epoch) await this.#enter(ledger.epoch)
    const locks = known ?? new LockTable(this.#grantsFrom)
    const state = new WorkingSet(ledger, ledger.now, randomUUID, { locks })
    addLoaded(state, rows, this.#cache)
    if (known === undefined)
      addLoaded(state, (await this.#send(loadLocks())).rows.map(loadedRow), this.#cache)
    locks.revision = ledger.head
    this.#locks = locks
    this.#now = ledger.now

    const machines = [...state.rows.machine.values()].map(({ resource }) => resource)
    for (const again of [keys.afterMachines(machines), keys.withLocks(state)]) {
      if (again.isEmpty) continue
      const more = await this.#send(loadBatch(again, { partitions }))
      addLoaded(state, more.rows.map(loadedRow), this.#cache)
    }
    this.#assumed.found(ledger.writer, state)
    return state
  }

  /** Writes what the batch decided, and commits. When this resolves, it is durable. Gives the time from which it counts. */
  async commit(state: WorkingSet): Promise<Instant> {
    const { rows, command } = await this.#send(...this.#written(state), COMMIT)
    if (command !== 'COMMIT') throw new Error(`the transaction ended with ${command}`)
    state.locks.revision = state.head
    this.#assumed.left(state)
    for (const [kind, changed] of Object.entries(state.rows)) {
      // The table of locks holds these itself.
      if (kind !== 'lock' && kind !== 'hold') for (const row of changed.values()) this.#cache.hold(row)
    }
    return committedAt(rows, state)
  }

  /** Whether it is likely that the ledger is as this session left it. */
  get mayAssume(): boolean {
    return !this.broken && this.#locks !== undefined && this.#assumed.position !== undefined
  }

  /** The state for a batch on the assumption that the ledger is as this session left it. Undefined when it needs more. */
  assume(keys: LoadKeys): WorkingSet | undefined {
    const { position } = this.#assumed
    const locks = this.#locks
    if (position === undefined || locks === undefined) return undefined
    keys.withLocks({ locks, epoch: position.epoch, now: this.#assumed.now })
    if (!keys.isOfLeasesOnly) return undefined
    const leases = this.#assumed.leasesFor(keys)
    if (leases === undefined) return undefined
    const state = new WorkingSet(position, this.#assumed.now, randomUUID, { locks, revocable: true })
    for (const lease of leases) state.leases.set(lease.id, lease)
    return state
  }

  /**
   * As `commit`, of a batch that was decided on an assumption. Several may be on their way, each on what the one before
   * leaves. Resolves to undefined when the assumption was wrong: nothing of the batch is written, nor of those behind it,
   * and all must be revoked, the last one first.
   */
  async commitAssumed(state: WorkingSet): Promise<Instant | undefined> {
    const assumption = this.#assumed.assumption(state)
    const [statement = onlyAssumed(assumption)] = this.#written(state, assumption)
    const sent = this.#send(statement)
    state.locks.revision = state.head
    this.#assumed.left(state)
    try {
      const { rows } = await sent
      this.#assumed.confirmed(BigInt(rows[0]![1]!) as Instant)
      return committedAt(rows, state)
    } catch (error) {
      this.#assumed.disproved()
      if (isDisproof(error)) return undefined
      throw error
    }
  }

  /** What a batch leaves to write. What only looked leaves nothing, and nothing to wait for on the disk. */
  #written(state: WorkingSet, assumption?: Assumption): Statement[] {
    return state.isUntouched ? [] : [saveBatch(state, { writer: this.#assumed.writer, assumption })]
  }

  /** Goes over into an epoch that another server has begun. */
  async #enter(epoch: bigint): Promise<void> {
    const { rows } = await this.#run<{ at: bigint }>({
      text: `select ${micros('grants_from')} as at from ledger where id = 1`,
    })
    this.#epoch = epoch
    this.#grantsFrom = rows[0]!.at as Instant
    this.#locks?.closeUntil(this.#grantsFrom)
  }

  async rollback(): Promise<void> {
    await this.#run({ text: 'rollback' })
  }

  /** Begins a new epoch if this database may have lost revisions. */
  async ensureEpoch(check: EpochCheck): Promise<LedgerEpoch> {
    await this.#run({ text: 'begin' })
    await this.#run({ text: LOCK.text })
    const entered = await ensureEpoch(this.#client, check)
    await this.#run({ text: 'commit' })
    this.#epoch = entered.epoch
    this.#grantsFrom = entered.grantsFrom
    return entered
  }

  async close(): Promise<void> {
    await this.#client.end().catch(() => {})
  }

  /** Sends statements as one message. After one that fails the session is of no use: see GroupWriter. */
  #send(...statements: Statement[]): Promise<PipelineResult> {
    return this.#client.query(new Pipeline(statements, this.#prepared)).done
  }

  #run<R extends pg.QueryResultRow = never>(statement: pg.QueryConfig): Promise<pg.QueryResult<R>> {
    return this.#client.query<R>(statement)
  }
}

const committedAt = ([row]: TextRow[], { now }: WorkingSet): Instant =>
  row?.[0] == null ? now : (BigInt(row[0]) as Instant)

const BEGIN: Statement = { name: 'begin', text: 'begin', values: [] }
const LOCK: Statement = { name: 'lock', text: 'select from ledger where id = 1 for update', values: [] }
const COMMIT: Statement = { name: 'commit', text: 'commit', values: [] }
