import { Lock, Lock_Mode, Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import { ResourceKind } from '../../../server/src/domain/kind.ts'
import { overlaps } from '../../../server/src/domain/locks/scope.ts'
import { sql } from '../../watch/history.ts'

/** A fencing token that passed, and the revision at which it did. */
export interface PassedFence {
  lock: string
  token: bigint
  revision: bigint
}

export interface HistoryFigures {
  revisions: number
  grants: number
  ends: Record<string, number>
}

const ticketOf = ({ name }: Lock): number => Number.parseInt(name.slice('locks/'.length), 36)

const conflict = (a: Lock, b: Lock): boolean =>
  (a.mode === Lock_Mode.EXCLUSIVE || b.mode === Lock_Mode.EXCLUSIVE) &&
  a.scopes.some((one) => b.scopes.some((other) => overlaps(one, other)))

/**
 * Goes through everything that ever became of locks, from the change table, revision by revision. Throws when two that
 * overlap were held at one revision (L1, L10), a token did not rise (L2), somebody was passed who came earlier and
 * still waited (L6), what had ended came back (L9), one request had two locks (L8), or a fence passed while its lock
 * was not held (L5).
 */
export async function checkHistory(url: string, fences: readonly PassedFence[]): Promise<HistoryFigures> {
  const { rows } = await sql<{ revision: string; body: Buffer }>(
    url,
    'select revision, body from change where kind = $1 order by revision, ordinal',
    [ResourceKind.lock],
  )
  const standing = new Map<string, Lock>()
  const ended = new Set<string>()
  const requests = new Map<string, string>()
  const spans = new Map<string, { token: bigint; from: bigint; to: bigint | undefined }>()
  const ends: Record<string, number> = {}
  let token = 0n
  const byRevision = Map.groupBy(rows, ({ revision }) => BigInt(revision))
  for (const [revision, changes] of byRevision) {
    const fail = (what: string) => new Error(`at revision ${revision}: ${what}`)
    const granted: Lock[] = []
    for (const { body } of changes) {
      const lock = Lock.decode(body)
      const before = standing.get(lock.name)
      if (ended.has(lock.name)) throw fail(`${lock.name} had ended and came back`)
      const request = `${lock.lease} ${lock.requestId}`
      const first = requests.get(request) ?? lock.name
      if (first !== lock.name) throw fail(`${first} and ${lock.name} are of one request`)
      requests.set(request, lock.name)
      if (lock.state === Lock_State.ENDED) {
        standing.delete(lock.name)
        ended.add(lock.name)
        const span = spans.get(lock.name)
        if (span !== undefined) span.to = revision
        ends[lock.endCause] = (ends[lock.endCause] ?? 0) + 1
      } else {
        standing.set(lock.name, lock)
        if (lock.state === Lock_State.HELD && before?.state !== Lock_State.HELD) granted.push(lock)
      }
    }
    for (const lock of granted) {
      if (lock.fencingToken !== revision) throw fail(`${lock.name} has token ${lock.fencingToken}`)
      if (lock.fencingToken < token) throw fail(`${lock.name} has a token below ${token}`)
      token = lock.fencingToken
      spans.set(lock.name, { token, from: revision, to: undefined })
      for (const other of standing.values()) {
        if (other.name === lock.name || !conflict(lock, other)) continue
        if (other.state === Lock_State.HELD) throw fail(`${lock.name} and ${other.name} are held at once`)
        if (ticketOf(other) < ticketOf(lock)) throw fail(`${lock.name} passed ${other.name}`)
      }
    }
  }
  for (const { lock, token: passed, revision } of fences) {
    const span = spans.get(lock)
    const held =
      span?.token === passed && span.from <= revision && (span.to === undefined || revision < span.to)
    if (!held) throw new Error(`the fence of ${lock} passed at revision ${revision}, when it was not held`)
  }
  return { revisions: byRevision.size, grants: spans.size, ends }
}
