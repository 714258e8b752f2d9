import type { Blocker } from '@holdfast/sdk'
import { localTime, relativeTime } from './relative-time.ts'
import { shortName } from './short-name.ts'
import { printable } from './terminal-text.ts'

/** A blocker for people: what it is, who, since when and why; and how it is lifted, on a line of its own. */
export function blockerLines(blocker: Blocker, now: Date): string[] {
  const { kind, resource, scopes, who, reason, sinceAt, untilAt, remedy } = blocker
  const what = scopes.length > 0 ? scopes.join(' and ') : shortName(resource)
  const since = sinceAt === undefined ? '' : ` since ${localTime(sinceAt)} (${relativeTime(sinceAt, now)})`
  const until = untilAt === undefined ? '' : ` until ${localTime(untilAt)}`
  const why = reason === '' || kind === 'condition' ? '' : `: ${reason}`
  const line = `${what} ${stands(kind, who)}${since}${until}${why}`
  return [`  ${printable(line)}`, ...(remedy === '' ? [] : [`    ${printable(remedy)}`])]
}

function stands(kind: Blocker['kind'], who: string): string {
  const by = who === '' ? '' : ` by ${who}`
  switch (kind) {
    case 'lock':
      return `is locked${by}`
    case 'waiter':
      return `is waited for${by}`
    case 'hold':
      return `is on hold${by}`
    case 'condition':
      return 'is required and is not true'
    case 'lock-delay':
      return `rests after a lock${by} was lost,`
    case 'new-epoch':
      return 'is in a new epoch and grants nothing'
  }
}

/** All of them, and how many more there are than were told of. */
export function blockersText(blockers: readonly Blocker[], total: number, now: Date): string[] {
  const more = total - blockers.length
  return [
    ...blockers.flatMap((blocker) => blockerLines(blocker, now)),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ]
}
