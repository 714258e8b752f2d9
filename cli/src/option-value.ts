import { parsePastPoint } from './as-of.ts'
import { UsageError } from './usage-error.ts'

/** For options that may be repeated or hold several values with commas between. */
export function collected(value: string, before: string[] | undefined): string[] {
  const values = value.split(',').map((one) => one.trim())
  if (values.includes('')) throw new UsageError(`${JSON.stringify(value)} has an empty part`)
  return [...(before ?? []), ...values]
}

/** For `--label KEY=VALUE`, repeated. */
export function labelled(value: string, before: Record<string, string> | undefined): Record<string, string> {
  const equals = value.indexOf('=')
  if (equals < 1) throw new UsageError(`the label ${JSON.stringify(value)} is not of the form KEY=VALUE`)
  return { ...before, [value.slice(0, equals)]: value.slice(equals + 1) }
}

/** For a whole number within limits. */
export function wholeNumber(what: string, least: number, most: number): (value: string) => number {
  return (value) => {
    const number = Number(value)
    if (/^-?\d{1,15}$/.test(value) && number >= least && number <= most) return number
    throw new UsageError(
      `${what} is ${JSON.stringify(value)}; it must be a whole number from ${least} to ${most}`,
    )
  }
}

/** For a duration: seconds (`2`, `0.5`), or with a unit (`500ms`, `2s`, `1m`). In milliseconds, 1 to an hour. */
export function durationMs(value: string): number {
  const match = /^(\d{1,7}(?:\.\d{1,3})?)(ms|s|m)?$/.exec(value)
  const ms =
    match === null ? 0 : Math.round(Number(match[1]) * { ms: 1, s: 1_000, m: 60_000 }[unit(match[2])])
  if (ms >= 1 && ms <= 3_600_000) return ms
  throw new UsageError(`${JSON.stringify(value)} is no duration such as 2s, 500ms or 1m, at most an hour`)
}

/** For a point in the past. */
export const pastPoint = parsePastPoint

function unit(text: string | undefined): 'ms' | 's' | 'm' {
  return text === 'ms' || text === 'm' ? text : 's'
}
