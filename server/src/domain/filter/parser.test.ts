import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HoldfastError } from '../error.ts'
import { compileFilter } from './bind-filter.ts'
import { canonicalFilter, parseFilter } from './parser.ts'
import { MACHINE_FIELDS } from './resource-fields.ts'

const canonical = (text: string): string => canonicalFilter(parseFilter(text))

test.each([
  ['', ''],
  ['  ', ''],
  ['name = web-0', 'name = "web-0"'],
  ['name="web-0"', 'name = "web-0"'],
  ['labels.env = x', 'labels."env" = "x"'],
  ['labels."a.b":*', 'labels."a.b" : "*"'],
  ['NOT (a = 1)', 'NOT a = "1"'],
  ['a = 1 AND (a = 1)', 'a = "1"'],
  ['a = "\\*x\\""', 'a = "\\*x\\""'],
  ['a = "*x*"', 'a = "*x*"'],
])('%j is %j', (text, expected) => {
  expect(canonical(text!)).toBe(expected)
})

test('OR binds closer than AND, as AIP-160 says, and NOT closest', () => {
  expect(canonical('a = 1 AND b = 2 OR c = 3')).toBe(canonical('a = 1 AND (b = 2 OR c = 3)'))
  expect(canonical('NOT a = 1 OR b = 2')).toBe(canonical('(NOT a = 1) OR b = 2'))
})

test('the order of operands makes no other filter', () => {
  expect(canonical('a = 1 AND b = 2')).toBe(canonical('b = "2" AND a = 1'))
})

test.each([
  ['name = a*b', 8, '*'],
  ['name', 5, ''],
  ['name =', 7, ''],
  ['name = "a', 8, '"a'],
  ['name = "\\q"', 9, '\\q'],
  ['name = a b = c', 10, 'b'],
  ['= a', 1, '='],
  ['(name = a', 1, '('],
  ['name = a)', 9, ')'],
  ['name = a AND', 13, ''],
  ['name ? a', 6, '?'],
  ['name = "\u0007"', 8, '"\u0007"'],
  ['labels.a.b = 1', 1, 'labels.a.b'],
  ['labels. = 1', 9, '='],
])('%j is refused at position %i', (text, position, token) => {
  expect(refusalOf(text)).toMatchObject({ position: String(position), token })
})

test.each([
  ['colour = red', 1, 'colour'],
  ['name = a AND NOT colour = red', 18, 'colour'],
  ['name.x = a', 1, 'name.x'],
  ['lifecycle = GONE', 13, 'GONE'],
  ['lifecycle < ACTIVE', 11, '<'],
  ['memory_bytes = many', 16, 'many'],
  ['memory_bytes = 1*', 16, '1*'],
  ['create_time > now', 15, 'now'],
  ['name < a*', 8, 'a*'],
  ['labels = x', 8, '='],
  ['alias < x', 7, '<'],
])('%j does not fit machines, at position %i', (text, position, token) => {
  expect(refusalOf(text)).toMatchObject({ position: String(position), token })
})

test('an unknown field is told with those that are known', () => {
  try {
    compileFilter('colour = red', MACHINE_FIELDS)
    expect.unreachable()
  } catch (error) {
    expect((error as HoldfastError).message).toContain('cpu_logical_count')
  }
})

test('whatever the text, the answer is a filter or FILTER_INVALID', () => {
  const piece = fc.constantFrom(
    'name',
    '=',
    '(',
    ')',
    'AND',
    'OR',
    'NOT',
    '"',
    '\\',
    '*',
    '.',
    ':',
    'labels',
    ' ',
    '<=',
    '\0',
    'ü',
  )
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(piece, { maxLength: 40 }).map((all) => all.join('')),
  )
  fc.assert(
    fc.property(text, (filter) => {
      try {
        compileFilter(filter, MACHINE_FIELDS)
      } catch (error) {
        expect(error).toBeInstanceOf(HoldfastError)
        expect((error as HoldfastError).reason).toBe('FILTER_INVALID')
        expect(Number((error as HoldfastError).metadata.position)).toBeGreaterThan(0)
      }
    }),
    { numRuns: 500 },
  )
})

test('depth and length have limits', () => {
  expect(refusalOf('('.repeat(4000))).toMatchObject({ position: '34' })
  expect(refusalOf(`${'NOT '.repeat(1000)}name = a`)).toMatchObject({ token: 'NOT' })
  expect(refusalOf(`name = "${'ü'.repeat(2048)}"`)).toMatchObject({ position: '4097' })
  expect(refusalOf(Array(300).fill('name = a').join(' AND '))).toBeUndefined()
})

function refusalOf(text: string): Record<string, string> | undefined {
  try {
    compileFilter(text, MACHINE_FIELDS)
    return undefined
  } catch (error) {
    if (error instanceof HoldfastError && error.reason === 'FILTER_INVALID') return error.metadata
    throw error
  }
}
