import type { RelayJournal } from './relay-journal.ts'

/** So much waits for the server that no more is taken. The machines keep theirs in their own spools. */
export class RelayFullError extends Error {
  override readonly name = 'RelayFullError'
}

interface Waiting {
  request: Uint8Array
  resolve: () => void
  reject: (error: unknown) => void
}

/** Puts batches on disk: those that came in one turn of the event loop with one fsync. */
export class Intake {
  readonly #journal: RelayJournal
  readonly #maxBytes: number
  #waiting: Waiting[] = []

  constructor(journal: RelayJournal, maxBytes: number) {
    this.#journal = journal
    this.#maxBytes = maxBytes
  }

  keep(request: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ request, resolve, reject }) === 1) setImmediate(() => this.#flush())
    })
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = []
    try {
      const { bytes } = this.#journal
      if (bytes >= this.#maxBytes) {
        throw new RelayFullError(`${bytes} bytes wait for the server, of ${this.#maxBytes} that may`)
      }
      this.#journal.keep(waiting.map(({ request }) => request))
      for (const { resolve } of waiting) resolve()
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}
