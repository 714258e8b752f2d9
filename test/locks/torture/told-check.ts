import { Lock_EndCause } from '../../../proto/gen/holdfast/v1/lock.ts'
import { scopeText } from '../../../sdk/src/locks/scope.ts'
import { type CheckedHistory, conflict, held, type Span } from './history-check.ts'
import type { Told } from './told.ts'

export interface ToldFigures {
  fences: { passed: number; refused: number; unanswered: number }
  /** Of those, the ones that were writes. */
  writes: { passed: number; refused: number; unanswered: number }
  replays: number
  refusals: Record<string, number>
  losses: Record<string, number>
}

/**
 * Holds what clients were told against the history. Throws when somebody was told that he holds what the table does not
 * say (L1), a token passed while its lock was not held (L5), one request had two answers (L8), a release was answered
 * that did not end the lock (L9), or somebody took himself for the holder after another had been told that he is (L4).
 */
export function checkTold(told: readonly Told[], { spans }: CheckedHistory): ToldFigures {
  const figures: ToldFigures = {
    fences: { passed: 0, refused: 0, unanswered: 0 },
    writes: { passed: 0, refused: 0, unanswered: 0 },
    ...{ replays: 0, refusals: {}, losses: {} },
  }
  for (const one of told) {
    if (one.what === 'refused') count(figures.refusals, one.reason)
    else {
      const span = spans.get(one.lock)
      if (span === undefined) throw new Error(`${one.lock}, which was told of as ${one.what}, was never held`)
      checkOne(one, span)
      if (one.what === 'fence') {
        const outcome = typeof one.outcome === 'string' ? one.outcome : 'passed'
        figures.fences[outcome]++
        if (one.by === 'write') figures.writes[outcome]++
      } else if (one.what === 'replayed') figures.replays++
      else if (one.what === 'lost') count(figures.losses, one.cause)
    }
  }
  checkExclusion(told, spans)
  return figures
}

function checkOne(told: Exclude<Told, { what: 'refused' }>, span: Span): void {
  const { lock } = told
  switch (told.what) {
    case 'granted': {
      const { token, epoch, scopes } = told
      const agrees =
        token === span.from &&
        epoch === span.lock.ledgerEpoch &&
        scopes.join(' ') === span.lock.scopes.map(scopeText).join(' ')
      if (!agrees) throw new Error(`${lock} was told as granted at ${token}, and it was not so`)
      return
    }
    case 'fence': {
      const { token, by, outcome } = told
      if (typeof outcome === 'string' || (token === span.from && held(span, outcome.passed))) return
      throw new Error(`token ${token} of ${lock} passed a ${by} at ${outcome.passed}, when it was not held`)
    }
    case 'replayed': {
      const { token, again, againToken } = told
      if (again === lock && againToken === token) return
      throw new Error(`the request of ${lock}, sent again, was answered with ${again} under ${againToken}`)
    }
    case 'released':
      if (span.to === undefined) throw new Error(`${lock} was told as released, and is held on`)
  }
}

/** By the clock of the machine, whatever the database says: nobody held on to what another was told he holds. */
function checkExclusion(told: readonly Told[], spans: ReadonlyMap<string, Span>): void {
  const grants = new Map<string, { span: Span; atNs: bigint; lastHeldNs: bigint }>()
  for (const one of told) {
    if (one.what === 'granted') {
      grants.set(one.lock, { span: spans.get(one.lock)!, atNs: one.atNs, lastHeldNs: one.atNs })
    } else if (one.what === 'held') {
      const grant = grants.get(one.lock)
      if (grant !== undefined && one.atNs > grant.lastHeldNs) grant.lastHeldNs = one.atNs
    }
  }
  let holders: { span: Span; lastHeldNs: bigint }[] = []
  for (const grant of [...grants.values()].sort((a, b) => (a.atNs < b.atNs ? -1 : 1))) {
    holders = holders.filter(({ lastHeldNs }) => lastHeldNs > grant.atNs)
    for (const { span } of holders) {
      // Who is ended by force is told, and may hear of it late.
      if (span.from >= grant.span.from || span.endCause === Lock_EndCause.FORCED) continue
      if (conflict(span.lock, grant.span.lock)) {
        throw new Error(`${span.lock.name} was taken to be held after ${grant.span.lock.name} was granted`)
      }
    }
    holders.push(grant)
  }
}

const count = (counts: Record<string, number>, what: string): void => {
  counts[what] = (counts[what] ?? 0) + 1
}
