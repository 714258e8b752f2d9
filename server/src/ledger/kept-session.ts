import type { Logger } from 'pino'
import type { KnownCommit } from '../store/begin-epoch.ts'
import type { Store } from '../store/store.ts'
import type { WriterSession } from '../store/writer-session.ts'

/**
 * The session that batches are written on: opened when it is first needed, and anew when it is lost. Each time the database
 * is asked whether it is the one that the ledger last knew, with all that was acknowledged.
 */
export class KeptSession {
  readonly #store: Store
  readonly #log: Logger
  #session: WriterSession | undefined
  #committed: KnownCommit | undefined

  constructor({ store, log }: { store: Store; log: Logger }) {
    this.#store = store
    this.#log = log
  }

  /** The last one that was opened, also when it is broken. */
  get current(): WriterSession | undefined {
    return this.#session
  }

  /** Takes in the last commit of this process: a database with another one in its place has lost it. */
  committed(commit: KnownCommit): void {
    this.#committed = commit
  }

  async open(): Promise<WriterSession> {
    if (this.#session?.broken) await this.discard()
    if (this.#session === undefined) {
      const session = await this.#store.openWriter()
      try {
        await this.enterEpoch(session)
      } catch (error) {
        await session.close()
        throw error
      }
      this.#session = session
    }
    return this.#session
  }

  /** Begins a new epoch where the database may have lost revisions; `lost`: it is known to have. */
  async enterEpoch(session: WriterSession, lost = false): Promise<void> {
    const { replication } = this.#store
    const { epoch, began, wentOn } = await session.ensureEpoch({ replication, known: this.#committed, lost })
    if (began !== undefined) this.#log.warn({ epoch }, `the database begins a new epoch: ${began}`)
    if (wentOn)
      this.#log.warn({ epoch }, 'the database was failed over to a synchronous standby; the epoch goes on')
  }

  /** Closes it. The next one is opened when it is needed. */
  async discard(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    await session?.close()
  }
}
