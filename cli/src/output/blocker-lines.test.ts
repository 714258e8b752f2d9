import type { Blocker } from '@holdfast/sdk'
import { expect, test } from 'vitest'
import { blockerLines, blockersText } from './blocker-lines.ts'

const now = new Date(2026, 10, 25, 12, 0, 0)
const lock: Blocker = {
  kind: 'lock',
  resource: 'locks/4f',
  scopes: ['production/airship', 'name:x'],
  who: 'ada on deploy-1',
  reason: 'deploy 42',
  sinceAt: new Date(2026, 10, 25, 11, 59, 30),
  untilAt: undefined,
  remedy: 'wait for it',
}

test('what, who, since when, why; and how it is lifted', () => {
  expect(blockerLines(lock, now)).toEqual([
    '  production/airship and name:x is locked by ada on deploy-1 since 2026-11-25 11:59:30 (30s ago): deploy 42',
    '    wait for it',
  ])
})

test('a condition has no holder', () => {
  const condition: Blocker = {
    ...lock,
    ...{ kind: 'condition', resource: 'conditions/migration:airship/42', scopes: [], who: '' },
    ...{ sinceAt: undefined, remedy: 'holdfast satisfy migration:airship/42' },
  }
  expect(blockerLines(condition, now)).toEqual([
    '  migration:airship/42 is required and is not true',
    '    holdfast satisfy migration:airship/42',
  ])
})

test('says how many were left out, and a reason cannot write to the terminal', () => {
  const lines = blockersText([{ ...lock, reason: '\u001b]0;x\u0007\n' }], 3, now)
  expect(lines[0]).toMatch(/: \\u001b\]0;x\\u0007\\n$/)
  expect(lines.at(-1)).toBe('  and 2 more')
})
