/** A JSON object, read field by field. */
export type JsonObject = Readonly<Record<string, unknown>>

/** The object that a value is; an empty one when it is none. Chef leaves out what it does not know. */
export function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {}
}

/** The text that a value is; an empty one for anything else. */
export const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** The texts in a list; none for anything else. */
export const textsOf = (value: unknown): string[] => listOf(value).filter((one) => typeof one === 'string')

/** The values of a list; none for anything else. */
export const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

/** The whole number that a value is or spells: Chef and Ohai write many of them as text. */
export function countOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}
