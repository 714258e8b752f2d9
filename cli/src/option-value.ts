import { parseFuturePoint, parsePastPoint } from './as-of.ts'
import { lengthText, parseLength } from './length.ts'
import { UsageError } from './usage-error.ts'

/** For options that may be repeated or hold several values with commas between. */
export function collected(value: string, before: string[] | undefined): string[] {
  const values = value.split(',').map((one) => one.trim())
  if (values.includes('')) throw new UsageError(`${JSON.stringify(value)} has an empty part`)
  return [...(before ?? []), ...values]
}

/** For `KEY=VALUE`, repeated. */
export function keyValue(
  what: string,
): (value: string, before: Record<string, string> | undefined) => Record<string, string> {
  return (value, before) => {
    const equals = value.indexOf('=')
    if (equals < 1) throw new UsageError(`the ${what} ${JSON.stringify(value)} is not of the form KEY=VALUE`)
    return { ...before, [value.slice(0, equals)]: value.slice(equals + 1) }
  }
}

/** For `--label KEY=VALUE`, repeated. */
export const labelled = keyValue('label')

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

/**
 * For a length of time within limits, in milliseconds: seconds (`30`, `0.5`), or with units (`500ms`, `90s`,
 * `1h30m`, `2d`).
 */
export function lengthMs(what: string, least: number, most: number): (value: string) => number {
  return (value) => {
    const seconds = /^\d{1,9}(\.\d{1,3})?$/.test(value) ? Math.round(Number(value) * 1_000) : undefined
    const ms = seconds ?? parseLength(value)
    if (ms !== undefined && ms >= least && ms <= most) return ms
    throw new UsageError(
      `${what} is ${JSON.stringify(value)}; it must be a length of time such as 500ms, 30s, 10m or 1h30m, from ${lengthText(least)} to ${lengthText(most)}`,
    )
  }
}

/** For how long to wait for an answer: at most an hour. */
export const durationMs = lengthMs('the duration', 1, 3_600_000)

/** For a point in the past. */
export const pastPoint = parsePastPoint

/** For a point in the future. */
export const futurePoint = parseFuturePoint
