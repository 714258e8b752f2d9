import { expect, test } from 'vitest'
import { collected, durationMs, labelled, wholeNumber } from './option-value.ts'
import { allOf, quotedValue } from './quoted-value.ts'
import { UsageError } from './usage-error.ts'

test('a repeated option gathers its values, also those between commas', () => {
  expect(collected('web-2', collected('web-0,web-1', undefined))).toEqual(['web-0', 'web-1', 'web-2'])
  expect(() => collected('web-0,', undefined)).toThrow(UsageError)
})

test('a label is a key and a value, which may be empty or hold an equals sign', () => {
  expect(labelled('b=', labelled('a=x=y', undefined))).toEqual({ a: 'x=y', b: '' })
  for (const text of ['a', '=x', '']) expect(() => labelled(text, undefined)).toThrow(UsageError)
})

test('a whole number is held to its limits', () => {
  const limit = wholeNumber('--limit', 1, 10)
  expect(limit('10')).toBe(10)
  for (const text of ['0', '11', '1.5', 'x', '', '1e1', '-1']) expect(() => limit(text)).toThrow(UsageError)
})

test('a duration is in seconds unless it has a unit', () => {
  expect(['2', '0.5', '500ms', '2s', '1m'].map(durationMs)).toEqual([2_000, 500, 500, 2_000, 60_000])
  for (const text of ['', '0', '-1', '2h', '61m', 'soon']) expect(() => durationMs(text)).toThrow(UsageError)
})

test('a value is quoted for a filter, and conditions are joined', () => {
  expect(quotedValue('a "b" \\c')).toBe('"a \\"b\\" \\\\c"')
  expect(allOf(undefined, '')).toBeUndefined()
  expect(allOf('a = 1', undefined)).toBe('a = 1')
  expect(allOf('a = 1', 'b = 2 OR c = 3')).toBe('(a = 1) AND (b = 2 OR c = 3)')
})
