import { describe, expect, test } from 'vitest'
import { parseFuturePoint, parsePastPoint } from './as-of.ts'
import { UsageError } from './usage-error.ts'

describe('parsePastPoint', () => {
  test.each([
    ['42', 42n],
    ['r42', 42n],
    [' 7 ', 7n],
  ])('%j is a revision', (text, revision) => {
    expect(parsePastPoint(text)).toEqual({ kind: 'revision', revision })
  })

  test.each([
    ['90s', 90_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['3d', 259_200_000],
    ['1w', 604_800_000],
    ['1h30m', 5_400_000],
    ['1.5h', 5_400_000],
    ['10m ago', 600_000],
    ['0s', 0],
  ])('%j is an age', (text, ms) => {
    expect(parsePastPoint(text)).toEqual({ kind: 'ago', ms })
  })

  test.each([
    ['2026-11-22T08:30:00Z', '2026-11-22T08:30:00.000Z'],
    ['2026-11-22T08:30:00.25Z', '2026-11-22T08:30:00.250Z'],
    ['2026-11-22 08:30+01:00', '2026-11-22T07:30:00.000Z'],
    ['2026-11-22T08:30:00-0500', '2026-11-22T13:30:00.000Z'],
  ])('%j is a time', (text, iso) => {
    expect(parsePastPoint(text)).toEqual({ kind: 'time', time: new Date(iso) })
  })

  test('a time without a zone is local, and a date is its midnight', () => {
    expect(parsePastPoint('2026-11-22T08:30')).toEqual({ kind: 'time', time: new Date(2026, 10, 22, 8, 30) })
    expect(parsePastPoint('2026-11-22')).toEqual({ kind: 'time', time: new Date(2026, 10, 22) })
  })

  test.each(['', '0', '-1', 'yesterday', '10 m', '2026-02-30', '2026-13-01', '2026-11-22T25:00', '10y'])(
    '%j is none',
    (text) => {
      expect(() => parsePastPoint(text)).toThrow(UsageError)
    },
  )
})

describe('parseFuturePoint', () => {
  test('takes a length of time from now, or a time, and no revision', () => {
    expect(parseFuturePoint('1h30m')).toEqual({ kind: 'in', ms: 5_400_000 })
    expect(parseFuturePoint('2026-11-22T08:30:00Z')).toEqual({
      kind: 'time',
      time: new Date('2026-11-22T08:30:00Z'),
    })
    for (const text of ['42', 'r42', '2h ago', 'soon', '']) {
      expect(() => parseFuturePoint(text), text).toThrow(UsageError)
    }
  })
})
