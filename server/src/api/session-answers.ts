import type { SessionAnswer } from '../../../proto/gen/holdfast/v1/lock_service.ts'

/**
 * The most blockers of one message, whose texts are up to 5 KB: clients take 4 MiB, and a thousand requests that wait
 * for one scope, each with all that is in its way, are 12.
 */
const MAX_BLOCKERS = 500

/** The answers of a session that are not sent yet. All that are ready at once are one message. */
export class SessionAnswers {
  #waiting: SessionAnswer[] = []

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  push(answer: SessionAnswer): void {
    this.#waiting.push(answer)
  }

  /** Those of the next message: all there are, as far as every client takes it. */
  take(): SessionAnswer[] {
    const waiting = this.#waiting
    let blockers = 0
    for (const [at, answer] of waiting.entries()) {
      blockers += blockersOf(answer)
      if (blockers <= MAX_BLOCKERS) continue
      this.#waiting = waiting.slice(at)
      return waiting.slice(0, at)
    }
    this.#waiting = []
    return waiting
  }
}

function blockersOf({ answer }: SessionAnswer): number {
  if (answer?.$case !== 'acquireLock' || answer.value.answer?.$case !== 'queued') return 0
  return answer.value.answer.value.blockers.length
}
