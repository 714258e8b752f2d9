import type { Blocker } from '../../../../proto/gen/holdfast/v1/lock.ts'
import { HoldfastError, type Reason } from '../error.ts'
import { instantFromTimestamp } from '../instant.ts'
import { formatRfc3339 } from '../rfc3339.ts'
import type { Blocked } from './blockers.ts'

/** An error that says what is in the way, in its text and in its details. */
export function blockedError(
  reason: Extract<Reason, 'LOCK_HELD' | 'BLOCKED' | 'ACQUIRE_TIMED_OUT'>,
  what: string,
  blocked: Blocked,
): HoldfastError {
  const [first] = blocked.blockers
  const more = blocked.totalBlockers > 1 ? ` (and ${blocked.totalBlockers - 1} more)` : ''
  const text = first === undefined ? what : `${what}: ${blockerText(first)}${more}`
  return new HoldfastError(reason, text, blocked)
}

function blockerText({ resource, who, reason, sinceTime, remedy }: Blocker): string {
  const by = who === '' ? '' : ` of ${who}`
  const since = sinceTime === undefined ? '' : ` since ${formatRfc3339(instantFromTimestamp(sinceTime))}`
  const why = reason === '' ? '' : `, ${JSON.stringify(reason)}`
  return `${resource}${by}${since}${why}; ${remedy}`
}
