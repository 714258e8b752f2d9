import { HoldfastError } from '../error.ts'

/** A place in a filter's text. */
export interface FilterSpan {
  /** Counted in characters from 1. */
  position: number
  /** What stands there, as written; empty at the end. */
  token: string
}

/** FILTER_INVALID with `position` and `token` in its metadata. */
export function filterError(message: string, { position, token }: FilterSpan): HoldfastError {
  const cut = token.length > 64 ? `${token.slice(0, 61)}…` : token
  return new HoldfastError('FILTER_INVALID', `filter: ${message} (at position ${position})`, {
    metadata: { position: String(position), token: cut },
  })
}
