import { type FilterSpan, filterError } from './filter-error.ts'

export const MAX_FILTER_BYTES = 4096

export type FilterOperator = '=' | '!=' | '<' | '<=' | '>' | '>=' | ':'

/** Text as compared, with what wildcards stood at its ends. */
export interface FilterText {
  /** Without quotes, escapes and the wildcards at its ends. */
  text: string
  anyBefore: boolean
  anyAfter: boolean
}

export type FilterToken = FilterSpan &
  (
    | ({ type: 'word' | 'string' } & FilterText)
    | { type: 'operator'; operator: FilterOperator }
    | { type: '(' | ')' | 'end' }
  )

const SPACE = /[ \t\r\n]/y
const WORD = /[A-Za-z0-9._@+\-*/~]+/y
const OPERATOR = /!=|<=|>=|[=<>:]/y
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u

/**
 * The tokens of a filter, the last being `end`. Bare words hold letters, digits and `. _ @ + - * / ~`; other
 * text stands in double quotes, with `\"`, `\\` and `\*` for themselves. Throws FILTER_INVALID.
 */
export function tokenize(filter: string): FilterToken[] {
  if (filter.length > MAX_FILTER_BYTES || Buffer.byteLength(filter) > MAX_FILTER_BYTES) {
    throw filterError(`at most ${MAX_FILTER_BYTES} bytes`, { position: MAX_FILTER_BYTES + 1, token: '' })
  }
  const tokens: FilterToken[] = []
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    return pattern.exec(filter)?.[0]
  }
  while (at < filter.length) {
    const position = at + 1
    if (take(SPACE) !== undefined) {
      at++
      continue
    }
    const character = filter[at]!
    if (character === '(' || character === ')') {
      tokens.push({ type: character, position, token: character })
      at++
      continue
    }
    const operator = take(OPERATOR)
    if (operator !== undefined) {
      tokens.push({ type: 'operator', operator: operator as FilterOperator, position, token: operator })
      at += operator.length
      continue
    }
    const word = take(WORD)
    if (word !== undefined) {
      tokens.push({ type: 'word', position, token: word, ...edges([...word], (c) => c === '*', position) })
      at += word.length
      continue
    }
    if (character !== '"')
      throw filterError(`unexpected ${JSON.stringify(character)}`, { position, token: character })
    const quoted = quotedString(filter, at)
    tokens.push({ type: 'string', position, token: filter.slice(at, quoted.end), ...quoted.text })
    at = quoted.end
  }
  tokens.push({ type: 'end', position: filter.length + 1, token: '' })
  return tokens
}

const STAR = Symbol('wildcard')

function quotedString(filter: string, start: number): { text: FilterText; end: number } {
  const characters: (string | typeof STAR)[] = []
  let at = start + 1
  for (;;) {
    const character = filter[at]
    if (character === undefined) {
      throw filterError('a string lacks its closing quote', {
        position: start + 1,
        token: filter.slice(start),
      })
    }
    if (character === '"') break
    if (character === '\\') {
      const escaped = filter[at + 1]
      if (escaped !== '"' && escaped !== '\\' && escaped !== '*') {
        throw filterError('\\ goes before ", \\ or *', { position: at + 1, token: filter.slice(at, at + 2) })
      }
      characters.push(escaped)
      at += 2
      continue
    }
    characters.push(character === '*' ? STAR : character)
    at++
  }
  const text = edges(characters, (c) => c === STAR, start + 1)
  if (UNPRINTABLE.test(text.text)) {
    throw filterError('a string holds a control character', {
      position: start + 1,
      token: filter.slice(start, at + 1),
    })
  }
  return { text, end: at + 1 }
}

function edges(
  characters: readonly (string | symbol)[],
  isWildcard: (character: string | symbol) => boolean,
  position: number,
): FilterText {
  const anyBefore = characters.length > 0 && isWildcard(characters[0]!)
  const anyAfter = characters.length > 0 && isWildcard(characters.at(-1)!)
  const inner = characters.slice(anyBefore ? 1 : 0, anyAfter && characters.length > 1 ? -1 : undefined)
  if (inner.some(isWildcard)) {
    throw filterError('* stands at the ends only; a star itself is "\\*"', { position, token: '*' })
  }
  return { text: inner.join(''), anyBefore, anyAfter }
}
