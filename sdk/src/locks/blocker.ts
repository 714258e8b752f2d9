import { type Blocker as BlockerMessage, Blockers } from '../../../proto/gen/holdfast/v1/lock.ts'
import { dateFromTimestamp } from '../revision.ts'
import { scopeText } from './scope.ts'

/** One thing that stands in the way of a lock, and how it is lifted. */
export interface Blocker {
  /**
   * A lock that is held, a request that came earlier and waits, a hold, a condition that is not true, the delay
   * after a lock whose holder was lost, or a new epoch, before which locks were granted that the database has lost.
   */
  kind: 'lock' | 'waiter' | 'hold' | 'condition' | 'lock-delay' | 'new-epoch'
  /** `locks/{id}`, `holds/{id}` or `conditions/{id}`; `ledger` for a new epoch. */
  resource: string
  /** What it covers, as people write it; empty for a condition and a new epoch. */
  scopes: string[]
  /** Who holds, waits or put it up, as they call themselves. */
  who: string
  /** Why, in their words. */
  reason: string
  /** Since when. */
  sinceAt: Date | undefined
  /** Until when, if that is known. */
  untilAt: Date | undefined
  /** How it is lifted, for a person. */
  remedy: string
}

const kinds: Record<number, Blocker['kind']> = {
  1: 'lock',
  2: 'waiter',
  3: 'hold',
  4: 'condition',
  5: 'lock-delay',
  6: 'new-epoch',
}

const words: Record<Blocker['kind'], string> = {
  lock: 'is locked by',
  waiter: 'is waited for by',
  hold: 'is on hold by',
  condition: 'is not true',
  'lock-delay': 'was lost by',
  'new-epoch': 'is in a new epoch and grants nothing',
}

/** The blocker of a message. */
export function blockerOf(message: BlockerMessage): Blocker {
  return {
    kind: kinds[message.kind] ?? 'lock',
    resource: message.resource,
    scopes: message.scopes.map(scopeText),
    who: message.who,
    reason: message.reason,
    sinceAt: message.sinceTime && dateFromTimestamp(message.sinceTime),
    untilAt: message.untilTime && dateFromTimestamp(message.untilTime),
    remedy: message.remedy,
  }
}

/** The blockers in the details of an error, and how many there are in all. */
export function decodeBlockers(bytes: Uint8Array): { blockers: Blocker[]; total: number } {
  const { blockers, total } = Blockers.decode(bytes)
  return { blockers: blockers.map(blockerOf), total: Math.max(total, blockers.length) }
}

/** A blocker in a line or two: what, who, since when, why, how it is lifted. */
export function blockerText(blocker: Blocker): string {
  const { kind, resource, scopes, who, reason, sinceAt, untilAt, remedy } = blocker
  const what = scopes.length > 0 ? scopes.join(' and ') : resource
  const by = kind === 'condition' || who === '' ? words[kind].replace(/ by$/, '') : `${words[kind]} ${who}`
  const since = sinceAt ? ` since ${timeText(sinceAt)}` : ''
  const until = untilAt ? ` until ${timeText(untilAt)}` : ''
  const why = reason ? `: ${reason}` : ''
  return `${what} ${by}${since}${until}${why}${remedy ? `\n  ${remedy}` : ''}`
}

function timeText(time: Date): string {
  return time
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
}
