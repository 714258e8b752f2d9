import { Intake } from './intake.ts'
import type { RelayJournal } from './relay-journal.ts'
import { Upstream, type UpstreamOptions } from './upstream.ts'

export interface RelayOptions extends Omit<UpstreamOptions, 'journal'> {
  journal: RelayJournal
  /** How much may wait. @defaultValue 1 GiB */
  maxBytes?: number
}

/**
 * Takes batches from machines that cannot reach the server, and sends them on from here. Acknowledges what is on its
 * disk, and nothing else; what is on its disk is sent until the server settles it, through any restart. Nobody's
 * source, epoch or number changes, so that what goes by other paths as well counts once.
 */
export class Relay {
  readonly #intake: Intake
  readonly #upstream: Upstream

  constructor({ journal, maxBytes = 1024 * 1024 * 1024, ...options }: RelayOptions) {
    this.#intake = new Intake(journal, maxBytes)
    this.#upstream = new Upstream({ ...options, journal })
  }

  /** Begins to send on what waits, and what comes. */
  start(): void {
    this.#upstream.start()
  }

  /** Resolves when an encoded batch is on disk. Rejects with {@link RelayFullError}, or what the file system throws. */
  async keep(request: Uint8Array): Promise<void> {
    await this.#intake.keep(request)
    this.#upstream.nudge()
  }

  /** Ends the sending. What is on disk stays there for the next start. */
  async stop(): Promise<void> {
    await this.#upstream.stop()
  }
}
