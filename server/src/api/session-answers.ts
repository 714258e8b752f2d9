import { type SessionAnswer, SessionResponse } from '../../../proto/gen/holdfast/v1/lock_service.ts'
import { ChurningMap } from '../../../runtime/churning-map.ts'
import { encode } from '../../../runtime/encode.ts'
import type { FlatWriter } from '../../../runtime/flat-writer.ts'
import { MESSAGE_BYTES } from '../ledger/message-parts.ts'

/** The answers of a session that are not sent yet. All that are ready at once are one message. */
export class SessionAnswers {
  #waiting: SessionAnswer[] = []
  /** Those that newer ones replace. */
  readonly #news = new ChurningMap<bigint | string, SessionAnswer>()

  get size(): number {
    return this.#waiting.length
  }

  /** Adds an answer, in the place of what it outdates: how a call or a lock stood before. */
  push(answer: SessionAnswer): void {
    const subject = subjectOf(answer)
    if (subject !== undefined) {
      const older = this.#news.get(subject)
      if (older !== undefined) {
        older.answer = answer.answer
        return
      }
      this.#news.set(subject, answer)
    }
    this.#waiting.push(answer)
  }

  /** The next message: all there are, as far as they fit; one that fits nowhere goes alone. */
  take(): Buffer {
    const waiting = this.#waiting
    let taken = 0
    const first = {
      encode(answers: readonly SessionAnswer[], writer: FlatWriter): void {
        for (const answer of answers) {
          const { length } = writer
          SessionResponse.encode({ answers: [answer] }, writer)
          if (writer.length > MESSAGE_BYTES && taken > 0) {
            writer.truncate(length)
            return
          }
          taken++
        }
      },
    }
    const bytes = encode(first, waiting)
    this.#waiting = waiting.slice(taken)
    if (this.#news.size > 0) {
      for (const answer of waiting.slice(0, taken)) this.#news.delete(subjectOf(answer) ?? '')
    }
    return bytes
  }
}

/** What an answer tells the newest of: the place in the queue of a call, or how a lock stands. */
function subjectOf({ callId, answer }: SessionAnswer): bigint | string | undefined {
  if (answer?.$case === 'acquireLock') return callId
  return answer?.$case === 'lockChanged' ? answer.value.name : undefined
}
