import { DeadlineExceededError, type OutgoingEvent, UnavailableError } from '@holdfast/sdk'
import type { Spool } from '../spool/index.ts'

interface Fact {
  /** Such as `hardware` or `processes`. */
  side: string
  /** What tells it from another look at the same side. */
  digest: string
  event: () => OutgoingEvent
  /** Not sooner than this after the last one of its side. @defaultValue 0 */
  everyMs?: number
}

/**
 * What an agent saw while nothing got through: kept in the spool, which is forwarded oldest first, or carried to the
 * server. The newest look does not wait behind it: that goes directly, as soon as the server is back.
 */
export class KeptFacts {
  readonly #spool: Spool
  readonly #last = new Map<string, { digest: string; keptAt: number }>()

  constructor(spool: Spool) {
    this.#spool = spool
  }

  /** Sends a fact; keeps it when the server cannot be reached, and rejects all the same. */
  async sendOrKeep(fact: Fact, send: () => Promise<unknown>): Promise<void> {
    try {
      await send()
      this.#last.delete(fact.side)
    } catch (error) {
      if (error instanceof UnavailableError || error instanceof DeadlineExceededError) this.#keep(fact)
      throw error
    }
  }

  #keep({ side, digest, event, everyMs = 0 }: Fact): void {
    const last = this.#last.get(side)
    const now = performance.now()
    if (last !== undefined && (last.digest === digest || now - last.keptAt < everyMs)) return
    this.#spool.append(event())
    this.#last.set(side, { digest, keptAt: now })
  }
}
