import { type FilterSpan, filterError } from './filter-error.ts'
import { type FilterOperator, type FilterText, type FilterToken, tokenize } from './lexer.ts'

/** A filter as written. `AND` and `OR` are flat lists, so depth comes of brackets and `NOT` only. */
export type FilterExpression =
  | { type: 'and' | 'or'; terms: FilterExpression[] }
  | { type: 'not'; term: FilterExpression }
  | FilterComparison

export interface FilterComparison {
  type: 'comparison'
  field: FilterSpan & { name: string; key: string | undefined }
  operator: FilterOperator
  operatorSpan: FilterSpan
  value: FilterSpan & FilterText
}

/** Brackets and NOTs inside each other; more is refused before it can exhaust the stack. */
const MAX_DEPTH = 32

/**
 * Reads a filter; undefined for an empty one. As in AIP-160 `OR` binds closer than `AND`, and `NOT` closest.
 * Throws FILTER_INVALID with the position of what is wrong.
 */
export function parseFilter(filter: string): FilterExpression | undefined {
  const reader = new TokenReader(tokenize(filter))
  if (reader.peek().type === 'end') return undefined
  const expression = conjunction(reader, 0)
  if (reader.peek().type !== 'end') throw filterError('expected AND, OR or the end', reader.peek())
  return expression
}

class TokenReader {
  readonly #tokens: FilterToken[]
  #at = 0

  constructor(tokens: FilterToken[]) {
    this.#tokens = tokens
  }

  peek(): FilterToken {
    return this.#tokens[this.#at]!
  }

  take(): FilterToken {
    return this.#tokens[this.#at++]!
  }

  takeKeyword(keyword: 'AND' | 'OR' | 'NOT'): boolean {
    if (this.peek().type !== 'word' || this.peek().token !== keyword) return false
    this.#at++
    return true
  }
}

function conjunction(reader: TokenReader, depth: number): FilterExpression {
  const terms = [disjunction(reader, depth)]
  while (reader.takeKeyword('AND')) terms.push(disjunction(reader, depth))
  return terms.length === 1 ? terms[0]! : { type: 'and', terms }
}

function disjunction(reader: TokenReader, depth: number): FilterExpression {
  const terms = [negation(reader, depth)]
  while (reader.takeKeyword('OR')) terms.push(negation(reader, depth))
  return terms.length === 1 ? terms[0]! : { type: 'or', terms }
}

function negation(reader: TokenReader, depth: number): FilterExpression {
  if (depth > MAX_DEPTH) throw filterError(`brackets and NOT go at most ${MAX_DEPTH} deep`, reader.peek())
  if (reader.takeKeyword('NOT')) return { type: 'not', term: negation(reader, depth + 1) }
  if (reader.peek().type !== '(') return comparison(reader)
  const open = reader.take()
  const inner = conjunction(reader, depth + 1)
  if (reader.peek().type === 'end') throw filterError('a bracket is not closed', open)
  if (reader.peek().type !== ')') throw filterError('expected AND, OR or )', reader.peek())
  reader.take()
  return inner
}

function comparison(reader: TokenReader): FilterComparison {
  const field = fieldPath(reader)
  const operator = reader.take()
  if (operator.type !== 'operator') {
    throw filterError('expected one of = != < <= > >= : after a field', operator)
  }
  const value = reader.take()
  if (value.type !== 'word' && value.type !== 'string') {
    throw filterError(`expected a value after ${operator.token}`, value)
  }
  return { type: 'comparison', field, operator: operator.operator, operatorSpan: operator, value }
}

/** `field`, `field.key` or `field."key"`. */
function fieldPath(reader: TokenReader): FilterComparison['field'] {
  const start = reader.take()
  if (start.type !== 'word') throw filterError('expected a field', start)
  const dot = start.token.indexOf('.')
  const { position } = start
  if (dot < 0) return { position, token: start.token, name: start.token, key: undefined }
  const name = start.token.slice(0, dot)
  const rest = start.token.slice(dot + 1)
  if (rest !== '') {
    if (rest.includes('.')) {
      throw filterError(`a key with dots in it goes in quotes: ${name}."${rest}"`, start)
    }
    if (rest.includes('*')) throw filterError('a key holds no wildcard', start)
    return { position, token: start.token, name, key: rest }
  }
  const key = reader.peek()
  if (key.type !== 'string' || key.position !== position + start.token.length) {
    throw filterError(`expected a key after ${start.token}`, key)
  }
  reader.take()
  if (key.anyBefore || key.anyAfter) throw filterError('a key holds no wildcard', key)
  return { position, token: start.token + key.token, name, key: key.text }
}

/** The filter in one spelling: equal texts mean equal filters. Operands of AND and OR are in text order. */
export function canonicalFilter(expression: FilterExpression | undefined): string {
  if (expression === undefined) return ''
  switch (expression.type) {
    case 'and':
    case 'or': {
      const operands = new Set(expression.terms.map(canonicalFilter))
      const [first] = operands
      if (operands.size === 1) return first!
      return `(${[...operands].sort().join(expression.type === 'and' ? ' AND ' : ' OR ')})`
    }
    case 'not':
      return `NOT ${canonicalFilter(expression.term)}`
    case 'comparison': {
      const { field, operator, value } = expression
      const key = field.key === undefined ? '' : `.${quoted(field.key)}`
      return `${field.name}${key} ${operator} ${quoted(value.text, value)}`
    }
  }
}

const NO_WILDCARD = { anyBefore: false, anyAfter: false }

function quoted(text: string, { anyBefore, anyAfter } = NO_WILDCARD): string {
  if (text === '' && (anyBefore || anyAfter)) return '"*"'
  return `"${anyBefore ? '*' : ''}${text.replace(/["\\*]/g, '\\$&')}${anyAfter ? '*' : ''}"`
}
