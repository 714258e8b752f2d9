import { type Hold, Hold_State } from '../../../proto/gen/holdfast/v1/hold.ts'
import { type Lock, Lock_EndCause, Lock_Mode, Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import { type Run, Run_State } from '../../../proto/gen/holdfast/v1/run.ts'
import { overlaps } from '../../../server/src/domain/locks/scope.ts'
import type { Revision } from './history.ts'

/** When a lock was held: from its grant up to, and without, the revision of its end. */
export interface Span {
  /** As it was granted. */
  lock: Lock
  from: bigint
  to: bigint | undefined
  endCause: Lock_EndCause
}

export interface CheckedHistory {
  /** Of every lock that was ever granted, by name. */
  spans: Map<string, Span>
  /** Grants of requests that had to wait. */
  waited: number
  /** Changes of runs under a lock. */
  writes: number
  /** How locks ended, held or not, by cause. */
  ends: Record<string, number>
}

const ticketOf = ({ name }: Lock): number => Number.parseInt(name.slice('locks/'.length), 36)

export const conflict = (a: Lock, b: Lock): boolean =>
  (a.mode === Lock_Mode.EXCLUSIVE || b.mode === Lock_Mode.EXCLUSIVE) &&
  a.scopes.some((one) => b.scopes.some((other) => overlaps(one, other)))

/** Whether a span takes in a revision. */
export const held = ({ from, to }: Span, revision: bigint): boolean =>
  from <= revision && (to === undefined || revision < to)

/**
 * Goes through a history, revision by revision. Throws when two locks that conflict were held at one revision (L1,
 * L10), a token is not the revision of its grant (L2), a run under a lock changed while that was not held (L5), somebody
 * was passed who came earlier and still waited (L6), one request had two locks (L8), what had ended came back (L9), a
 * grant went through a hold (L13), or an epoch began.
 */
export function checkHistory(history: readonly Revision[]): CheckedHistory {
  const check = new HistoryCheck()
  for (const revision of history) check.take(revision)
  return check
}

class HistoryCheck implements CheckedHistory {
  readonly spans = new Map<string, Span>()
  readonly ends: Record<string, number> = {}
  waited = 0
  writes = 0
  #revision = 0n
  #epoch: bigint | undefined
  readonly #standing = new Map<string, Lock>()
  readonly #ended = new Set<string>()
  readonly #requests = new Map<string, string>()
  readonly #holds = new Map<string, Hold>()

  take({ revision, images }: Revision): void {
    if (revision <= this.#revision) throw this.#fault(`it comes after ${this.#revision}`)
    this.#revision = revision
    const granted: Lock[] = []
    const runs: Run[] = []
    for (const image of images) {
      if (image.kind === 'run') runs.push(image.resource)
      else if (image.kind === 'hold') this.#takeHold(image.resource)
      else if (this.#takeLock(image.resource)) granted.push(image.resource)
    }
    // What one revision did was done at once: all ends of it come before its grants.
    for (const lock of granted) this.#checkGrant(lock)
    for (const run of runs) this.#checkWrite(run)
  }

  /** True when it was granted in this revision. */
  #takeLock(lock: Lock): boolean {
    const { name } = lock
    const before = this.#standing.get(name)
    if (this.#ended.has(name)) throw this.#fault(`${name} had ended and came back`)
    const request = `${lock.lease} ${lock.requestId}`
    const first = this.#requests.get(request) ?? name
    if (first !== name) throw this.#fault(`${first} and ${name} are of one request`)
    this.#requests.set(request, name)
    if (lock.state === Lock_State.ENDED) {
      this.#takeEnd(lock)
      return false
    }
    this.#standing.set(name, lock)
    if (lock.state !== Lock_State.HELD) {
      if (before?.state === Lock_State.HELD) throw this.#fault(`${name} was held and waits again`)
      return false
    }
    if (before?.state === Lock_State.HELD) {
      if (before.fencingToken !== lock.fencingToken) throw this.#fault(`${name} has another token`)
      return false
    }
    if (before !== undefined) this.waited++
    return true
  }

  #takeEnd({ name, endCause }: Lock): void {
    this.#standing.delete(name)
    this.#ended.add(name)
    const span = this.spans.get(name)
    if (span !== undefined) Object.assign(span, { to: this.#revision, endCause })
    const cause = Object.entries(Lock_EndCause).find(([, value]) => value === endCause)![0]
    this.ends[cause] = (this.ends[cause] ?? 0) + 1
  }

  #takeHold(hold: Hold): void {
    if (hold.state === Hold_State.STANDING) this.#holds.set(hold.name, hold)
    else this.#holds.delete(hold.name)
  }

  #checkGrant(lock: Lock): void {
    const { name, fencingToken, ledgerEpoch } = lock
    if (fencingToken !== this.#revision) throw this.#fault(`${name} has token ${fencingToken}`)
    this.#epoch ??= ledgerEpoch
    if (ledgerEpoch !== this.#epoch) throw this.#fault(`${name} is of epoch ${ledgerEpoch}`)
    this.spans.set(name, {
      ...{ lock, from: this.#revision, to: undefined, endCause: Lock_EndCause.UNSPECIFIED },
    })
    const inTheWay = [...this.#standing.values()].filter(
      (other) => other.name !== name && conflict(lock, other),
    )
    // First, since it is the worse of the two.
    const holder = inTheWay.find(({ state }) => state === Lock_State.HELD)
    if (holder !== undefined) throw this.#fault(`${name} and ${holder.name} are held at once`)
    const passed = inTheWay.find((other) => ticketOf(other) < ticketOf(lock))
    if (passed !== undefined) throw this.#fault(`${name} passed ${passed.name}`)
    for (const hold of this.#holds.values()) {
      if (lock.scopes.some((scope) => overlaps(scope, hold.scope!))) {
        throw this.#fault(`${name} was granted through ${hold.name}`)
      }
    }
  }

  #checkWrite({ name, lock, fencingToken, state }: Run): void {
    if (lock === '') return
    this.writes++
    const span = this.spans.get(lock)
    const isEnd = state === Run_State.ABANDONED && span?.to === this.#revision
    if (isEnd || (span?.from === fencingToken && held(span, this.#revision))) return
    throw this.#fault(`${name} was written with token ${fencingToken} of ${lock}, which was not held`)
  }

  #fault(what: string): Error {
    return new Error(`at revision ${this.#revision}: ${what}`)
  }
}
