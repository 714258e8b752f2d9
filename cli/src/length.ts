const UNITS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
}

/** A length of time in milliseconds: `500ms`, `90s`, `10m`, `2h`, `3d`, `1w`, `1h30m`. Undefined when it is none. */
export function parseLength(value: string): number | undefined {
  if (!/^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|[smhdw]))+$/.test(value)) return undefined
  let ms = 0
  for (const part of value.matchAll(/([\d.]+)(ms|[smhdw])/g)) ms += Number(part[1]) * UNITS[part[2]!]!
  return Math.round(ms)
}

/** A length of time in its largest whole unit: `500ms`, `30s`, `90m`, `1d`. */
export function lengthText(ms: number): string {
  const unit = (['d', 'h', 'm', 's'] as const).find((one) => ms > 0 && ms % UNITS[one]! === 0)
  return unit === undefined ? `${ms}ms` : `${ms / UNITS[unit]!}${unit}`
}
