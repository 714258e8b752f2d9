import { expect, test } from 'vitest'
import { lengthText, parseLength } from './length.ts'

test.each([
  ['500ms', 500],
  ['90s', 90_000],
  ['10m', 600_000],
  ['1h30m', 5_400_000],
  ['1.5h', 5_400_000],
  ['2d', 172_800_000],
  ['1w', 604_800_000],
])('%j is %d ms', (text, ms) => {
  expect(parseLength(text)).toBe(ms)
})

test.each(['', '10', 'm', '1h 30m', '-1s', '1e3s', '1y'])('%j is no length of time', (text) => {
  expect(parseLength(text)).toBeUndefined()
})

test.each([
  [0, '0ms'],
  [500, '500ms'],
  [1_000, '1s'],
  [90_000, '90s'],
  [3_600_000, '1h'],
  [86_400_000, '1d'],
])('%d ms is written %j', (ms, text) => {
  expect(lengthText(ms)).toBe(text)
})
