import type { Logger } from 'pino'
import type { Command } from '../domain/command.ts'
import type { Instant } from '../domain/instant.ts'
import type { Store } from '../store/store.ts'
import { Feed } from './feed.ts'
import { GroupWriter } from './group-writer.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { LockSignals } from './lock-signals.ts'
import { Notifier } from './notifier.ts'

/** The ledger of one server process: all its writes go in here, all its changes come out of `feed`. */
export class Ledger {
  readonly feed: Feed
  readonly lockSignals = new LockSignals()
  readonly leases: LeaseKeeper
  readonly #writer: GroupWriter
  readonly #notifier: Notifier

  constructor({ store, log }: { store: Store; log: Logger }) {
    this.feed = new Feed({ store, log, follower: this.lockSignals })
    this.leases = new LeaseKeeper(store)
    this.#notifier = new Notifier({
      url: store.url,
      log,
      channel: 'holdfast_head',
      onHint: () => this.feed.refresh(),
    })
    this.#writer = new GroupWriter({
      store,
      log,
      onCommit: (commit) => {
        this.feed.publish(commit)
        this.#notifier.notify()
      },
    })
  }

  async start(): Promise<void> {
    await this.#writer.start()
    await this.feed.start()
    await this.#notifier.start()
  }

  /** Decides a command and makes it durable: see GroupWriter. */
  submit<Result>(command: Command<Result>, signal?: AbortSignal): Promise<Result> {
    return this.#writer.submit(command, signal)
  }

  /** Whether anything of locks is due that no command is under way for, as far as this server knows. */
  hasDueLocks(now: Instant): boolean {
    return this.#writer.hasDueLocks(now)
  }

  /** Ends every watch, finishes the writes that wait, and lets go of the database. */
  async stop(): Promise<void> {
    await this.feed.stop()
    await this.#writer.stop()
    await this.#notifier.stop()
  }
}
