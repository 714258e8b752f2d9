import { HoldfastError } from './error.ts'
import { addMilliseconds, DAY_MS, dateFromInstant, type Instant } from './instant.ts'

/** How far ahead of the database's clock an event may claim to have occurred. */
export const MAX_AHEAD_MS = 10 * 60_000

/** Throws EVENT_IN_FUTURE or EVENT_TOO_OLD when an event cannot have occurred then, or would be dropped at once. */
export function refuseTime(occurredAt: Instant, now: Instant, retentionDays: number): void {
  if (occurredAt > addMilliseconds(now, MAX_AHEAD_MS)) {
    const metadata = shownTimes(occurredAt, now)
    throw new HoldfastError(
      'EVENT_IN_FUTURE',
      `occurred_time ${metadata.occurredTime} is more than 10 minutes ahead of the server's clock (${metadata.serverTime}); set the clock of the source`,
      { metadata },
    )
  }
  if (occurredAt < addMilliseconds(now, -retentionDays * DAY_MS)) {
    const metadata = shownTimes(occurredAt, now)
    throw new HoldfastError(
      'EVENT_TOO_OLD',
      `occurred_time ${metadata.occurredTime} is more than ${retentionDays} days ago, which is as long as events are kept; check the clock of the source`,
      { metadata },
    )
  }
}

const shownTimes = (occurredAt: Instant, now: Instant) => ({
  occurredTime: dateFromInstant(occurredAt).toISOString(),
  serverTime: dateFromInstant(now).toISOString(),
})
