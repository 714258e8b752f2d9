/** The name of an enum's value in words: `LEASE EXPIRED`. */
export function enumWord(values: Readonly<Record<string, number | string>>, value: number): string {
  const name = Object.entries(values).find(([, number]) => number === value)?.[0] ?? String(value)
  return name.replaceAll('_', ' ')
}
