/** A value as a filter quotes it. */
export function quotedValue(value: string): string {
  return `"${value.replace(/[\\"]/g, '\\$&')}"`
}

/** Joins conditions that must all hold. Empty ones are left out. */
export function allOf(...conditions: (string | undefined)[]): string | undefined {
  const given = conditions.filter((condition) => condition !== undefined && condition.trim() !== '')
  if (given.length < 2) return given[0]
  return given.map((condition) => `(${condition})`).join(' AND ')
}
