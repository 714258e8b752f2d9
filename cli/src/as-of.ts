import { parseLength } from './length.ts'
import { UsageError } from './usage-error.ts'

/** A point in the past, as it stands on the command line. */
export type PastPoint =
  | { kind: 'revision'; revision: bigint }
  | { kind: 'time'; time: Date }
  /** So many milliseconds before now, by the server's clock. */
  | { kind: 'ago'; ms: number }

/** A point in the future, as it stands on the command line. */
export type FuturePoint =
  | { kind: 'time'; time: Date }
  /** So many milliseconds from now, by the server's clock. */
  | { kind: 'in'; ms: number }

/**
 * Reads a point in the past: a revision (`42`, `r42`), how long ago (`90s`, `10m`, `2h`, `3d`, `1w`, and
 * `1h30m`, with or without ` ago`), or a time of ISO 8601 (`2026-11-22`, `2026-11-22T08:30`,
 * `2026-11-22T08:30:00Z`). A time without a zone is local.
 *
 * @throws UsageError for anything else.
 */
export function parsePastPoint(text: string): PastPoint {
  const value = text.trim()
  const revision = /^r?(\d{1,19})$/.exec(value)?.[1]
  if (revision !== undefined) {
    if (BigInt(revision) > 0n) return { kind: 'revision', revision: BigInt(revision) }
    throw new UsageError(`${quote(text)}: revisions begin with 1`)
  }
  const ago = parseLength(value.replace(/\s+ago$/, ''))
  if (ago !== undefined) return { kind: 'ago', ms: ago }
  const time = parseTime(value)
  if (time !== undefined) return { kind: 'time', time }
  throw new UsageError(
    `${quote(text)} is neither a revision (42), nor an age (10m, 2h, 3d), nor a time (2026-11-22T08:30)`,
  )
}

/** Reads a point in the future: how long from now (`2h`, `1h30m`), or a time as {@link parsePastPoint} reads it. */
export function parseFuturePoint(text: string): FuturePoint {
  const value = text.trim()
  const ms = parseLength(value)
  if (ms !== undefined) return { kind: 'in', ms }
  const time = parseTime(value)
  if (time !== undefined) return { kind: 'time', time }
  throw new UsageError(`${quote(text)} is neither a length of time (2h) nor a time (2026-11-22T08:30)`)
}

function parseTime(value: string): Date | undefined {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?\s*(Z|[+-]\d\d:?\d\d)?)?$/i.exec(
      value,
    )
  if (match === null) return undefined
  const [, year, month, day, hour = '00', minute = '00', second = '00', fraction = '', zone = ''] = match
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase()
  const millis = fraction.padEnd(3, '0').slice(0, 3)
  const time = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}.${millis}${offset}`)
  if (Number.isNaN(time.getTime())) return undefined
  // JavaScript takes 30 February for 2 March.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()
  return Number(day) <= days ? time : undefined
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
