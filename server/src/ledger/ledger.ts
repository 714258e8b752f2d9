import type { Logger } from 'pino'
import type { Command } from '../domain/command.ts'
import type { Store } from '../store/store.ts'
import { Feed } from './feed.ts'
import { GroupWriter } from './group-writer.ts'
import { Notifier } from './notifier.ts'

/** The ledger of one server process: all its writes go in here, all its changes come out of `feed`. */
export class Ledger {
  readonly feed: Feed
  readonly #writer: GroupWriter
  readonly #notifier: Notifier

  constructor({ store, log }: { store: Store; log: Logger }) {
    this.feed = new Feed({ store, log })
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

  /** Ends every watch, finishes the writes that wait, and lets go of the database. */
  async stop(): Promise<void> {
    await this.feed.stop()
    await this.#writer.stop()
    await this.#notifier.stop()
  }
}
