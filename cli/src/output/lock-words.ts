import { dateFromTimestamp, scopeText } from '@holdfast/sdk'
import { type Hold, Hold_LiftCause, type Lock, Lock_EndCause } from '@holdfast/sdk/messages'
import { enumWord } from './enum-word.ts'
import { localTime, relativeTime } from './relative-time.ts'

/** What a lock covers. */
export function lockScopes({ scopes }: Lock): string {
  return scopes.map(scopeText).join(' and ')
}

/** Who asked for a lock: what the client calls itself, and its principal. */
export function lockOwner({ owner, principal }: Lock): string {
  return owner === '' || owner === principal ? principal : `${owner} (${principal})`
}

/** How a lock ended, who ended it, when and why. Empty while it has not. */
export function lockEnd({ endCause, endTime, endedBy, endReason }: Lock, now: Date): string {
  if (endCause === Lock_EndCause.UNSPECIFIED) return ''
  const word = enumWord(Lock_EndCause, endCause).toLowerCase()
  return told(word, { by: endedBy, time: endTime && dateFromTimestamp(endTime), why: endReason }, now)
}

/** What a hold covers. */
export function holdScope({ scope }: Hold): string {
  return scope === undefined ? '' : scopeText(scope)
}

/** What lifts a hold. */
export function holdUntil({ untilTime, untilCondition }: Hold): string {
  if (untilCondition !== '') return untilCondition
  return untilTime === undefined ? 'lifted by hand' : localTime(dateFromTimestamp(untilTime))
}

/** What lifted a hold, who, when and why. Empty while it stands. */
export function holdLift({ liftCause, liftTime, liftedBy, liftReason }: Hold, now: Date): string {
  if (liftCause === Hold_LiftCause.UNSPECIFIED) return ''
  const word = enumWord(Hold_LiftCause, liftCause).toLowerCase()
  return told(word, { by: liftedBy, time: liftTime && dateFromTimestamp(liftTime), why: liftReason }, now)
}

function told(
  what: string,
  { by, time, why }: { by: string; time: Date | undefined; why: string },
  now: Date,
): string {
  const who = by === '' ? '' : ` by ${by}`
  return `${what}${who} ${relativeTime(time, now)}${why === '' ? '' : `: ${why}`}`
}
