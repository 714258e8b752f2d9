import { UsageError } from './usage-error.ts'

/** A point in the past, as it stands on the command line. */
export type PastPoint =
  | { kind: 'revision'; revision: bigint }
  | { kind: 'time'; time: Date }
  /** So many milliseconds before now, by the server's clock. */
  | { kind: 'ago'; ms: number }

const UNITS: Record<string, number> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
}

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
  const ago = parseAgo(value)
  if (ago !== undefined) return { kind: 'ago', ms: ago }
  const time = parseTime(value)
  if (time !== undefined) return { kind: 'time', time }
  throw new UsageError(
    `${quote(text)} is neither a revision (42), nor an age (10m, 2h, 3d), nor a time (2026-11-22T08:30)`,
  )
}

function parseAgo(value: string): number | undefined {
  const match = /^((?:\d{1,9}(?:\.\d{1,3})?[smhdw])+)(?:\s+ago)?$/.exec(value)
  if (match === null) return undefined
  let ms = 0
  for (const part of match[1]!.matchAll(/([\d.]+)([smhdw])/g)) ms += Number(part[1]) * UNITS[part[2]!]!
  return Math.round(ms)
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
