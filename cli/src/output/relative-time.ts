const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How long ago, in words: `just now`, `5m ago`, `3h ago`, `2d ago`; a date from 30 days on. Empty for none. */
export function relativeTime(time: Date | undefined, now: Date): string {
  if (time === undefined) return ''
  const age = now.getTime() - time.getTime()
  // Also when it lies ahead: the clocks of two machines differ.
  if (age < 1_000) return 'just now'
  if (age < MINUTE) return `${Math.floor(age / 1_000)}s ago`
  if (age < HOUR) return `${Math.floor(age / MINUTE)}m ago`
  if (age < DAY) return `${Math.floor(age / HOUR)}h ago`
  if (age < 30 * DAY) return `${Math.floor(age / DAY)}d ago`
  return localDate(time)
}

/** `2026-11-22`, in the local zone. */
export function localDate(time: Date): string {
  return [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-')
}

/** `08:30:00`, in the local zone. */
export function localTimeOfDay(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')
}

/** `2026-11-22 08:30:00`, in the local zone. */
export function localTime(time: Date): string {
  return `${localDate(time)} ${localTimeOfDay(time)}`
}

function two(number: number): string {
  return String(number).padStart(2, '0')
}
