import { expect, test } from 'vitest'
import { collected, durationMs, keyValue, labelled, lengthMs, wholeNumber } from './option-value.ts'
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

test('a length of time is in seconds unless it has units, and is held to its limits', () => {
  const ttl = lengthMs('--ttl', 1_000, 86_400_000)
  expect(['1', '0.5m', '1h30m', '24h'].map(ttl)).toEqual([1_000, 30_000, 5_400_000, 86_400_000])
  for (const text of ['', '0', '999ms', '25h', 'soon']) {
    expect(() => ttl(text), text).toThrow(/--ttl is .* from 1s to 1d/)
  }
})

test('a value with a key says what it is when it is none', () => {
  expect(keyValue('attribute')('version=1', undefined)).toEqual({ version: '1' })
  expect(() => keyValue('attribute')('version', undefined)).toThrow('the attribute "version"')
})

test('a value is quoted for a filter, and conditions are joined', () => {
  expect(quotedValue('a "b" \\c')).toBe('"a \\"b\\" \\\\c"')
  expect(allOf(undefined, '')).toBeUndefined()
  expect(allOf('a = 1', undefined)).toBe('a = 1')
  expect(allOf('a = 1', 'b = 2 OR c = 3')).toBe('(a = 1) AND (b = 2 OR c = 3)')
})
