import type { Command } from '../domain/command.ts'
import { HoldfastError } from '../domain/error.ts'

/** A command that somebody waits for. */
export interface Pending {
  command: Command<unknown>
  signal: AbortSignal | undefined
  resolve: (result: never) => void
  reject: (error: unknown) => void
}

/** Commands in the order in which they came, bounded by their bytes: those that find no room wait outside. */
export class CommandQueue {
  readonly #mostBytes: number
  readonly #onCommand: () => void
  #queue: Pending[] = []
  #bytes = 0
  #stopped = false
  /** In order: one source's batches must not pass each other. */
  readonly #outside: Pending[] = []

  constructor({ mostBytes, onCommand }: { mostBytes: number; onCommand: () => void }) {
    this.#mostBytes = mostBytes
    this.#onCommand = onCommand
  }

  get length(): number {
    return this.#queue.length
  }

  /** Whether all that wait may be decided before the ledger is locked. */
  get isAtHand(): boolean {
    return this.#queue.every(({ command }) => command.isAtHand)
  }

  submit<Result>(command: Command<Result>, signal?: AbortSignal): Promise<Result> {
    return new Promise<Result>((resolve, reject) => {
      this.#outside.push({ command, signal, resolve, reject })
      this.#admit()
    })
  }

  /** The first commands, up to the one that reaches so many bytes, and at most so many. */
  take(bytes: number, most: number): Pending[] {
    let taken = 0
    let count = 0
    while (count < this.#queue.length && taken < bytes && count < most)
      taken += this.#queue[count++]!.command.size
    this.#bytes -= taken
    const batch = this.#queue.splice(0, count)
    this.#admit()
    return batch
  }

  /** Refuses what is outside and whatever comes. */
  stop(): void {
    this.#stopped = true
    this.#admit()
  }

  /** Moves commands in while there is room. */
  #admit(): void {
    while (this.#outside.length > 0 && (this.#stopped || this.#bytes <= this.#mostBytes)) {
      const pending = this.#outside.shift()!
      if (this.#stopped) pending.reject(stopping())
      else if (pending.signal?.aborted) pending.reject(pending.signal.reason)
      else {
        this.#queue.push(pending)
        this.#bytes += pending.command.size
        this.#onCommand()
      }
    }
  }
}

const stopping = (): HoldfastError =>
  new HoldfastError('SERVER_DRAINING', 'this server is stopping; try again at another', { retryAfterMs: 200 })
