import { expect, test } from 'vitest'
import { Hold } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { Lock_Mode } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import { type Attempt, blocks, whenViolation } from './attempt.ts'
import { normalScope } from './scope.ts'

const box = (environment: string, service = '', machine = '') =>
  normalScope({ environment, service, machine, name: '' })
const deploy: Attempt = {
  scopes: [box('production', 'airship', 'web-0')],
  mode: Lock_Mode.EXCLUSIVE,
  principal: 'ann',
  owner: 'airchef on deploy-1',
  attributes: { version: '20110502' },
  requires: [],
  ticket: undefined,
}
const hold = (when: string, allows: string[] = []): Hold =>
  Hold.fromPartial({ scope: box('production'), when, allows })

test.each([
  ['', true],
  ['attempt.version < "20110502"', false],
  ['attempt.version >= "20110502"', true],
  ['attempt.service == "airship" && attempt.machine == "web-0"', true],
  ['attempt.environment == "staging"', false],
  ['attempt.mode == "shared"', false],
  ['attempt.principal == "ann"', true],
  ['attempt.owner.startsWith("airchef")', true],
])('a hold with `%s` blocks the deploy: %s', (when, expected) => {
  expect(blocks(hold(when), deploy)).toBe(expected)
})

test('what cannot be worked out blocks: an attribute that the attempt does not have, a result that is no bool', () => {
  expect(blocks(hold('attempt.ticket == "OPS-1"'), deploy)).toBe(true)
  expect(blocks(hold('attempt.version'), deploy)).toBe(true)
})

test('an attribute cannot pass for what the server knows', () => {
  const forged = { ...deploy, attributes: { principal: 'root', environment: 'staging' } }
  expect(blocks(hold('attempt.principal == "ann"'), forged)).toBe(true)
  expect(blocks(hold('attempt.environment == "production"'), forged)).toBe(true)
})

test('a hold on one machine blocks a lock on them all, and what both leave open blocks', () => {
  const on = (scope: Scope, when: string) => ({ ...hold(when), scope })
  const all = { ...deploy, scopes: [box('production', 'airship')] }
  expect(blocks(on(box('production', 'airship'), 'attempt.machine == "web-0"'), all)).toBe(true)
  expect(blocks(on(box('production', 'airship'), 'attempt.machine != "web-0"'), all)).toBe(true)
  expect(blocks(on(box('production', '', 'web-0'), 'attempt.machine == "web-0"'), all)).toBe(true)
  expect(blocks(on(box('production', '', 'web-1'), 'attempt.machine == "web-0"'), all)).toBe(false)
  expect(blocks(on(box('production'), 'attempt.service == "mast"'), all)).toBe(false)
})

test('an attribute cannot stand in for a part of the scope that is left open', () => {
  const forged = { ...deploy, scopes: [box('production', 'airship')], attributes: { machine: 'web-9' } }
  expect(blocks(hold('attempt.machine == "web-0"'), forged)).toBe(true)
})

test('of several scopes each that overlaps the hold is asked about', () => {
  const both = { ...deploy, scopes: [box('staging', 'airship'), box('production', 'mast')] }
  expect(blocks(hold('attempt.service == "mast"'), both)).toBe(true)
  expect(blocks(hold('attempt.service == "airship"'), both)).toBe(false)
})

test('who is allowed is let through', () => {
  expect(blocks(hold('', ['ann']), deploy)).toBe(false)
  expect(blocks(hold('', ['bob']), deploy)).toBe(true)
})

test.each([
  ['attempt.version >=', / at character \d+: /],
  ['attempt.version >= "x" )', / at character \d+: /],
  ['1 +* 2', / at character 3: /],
])('`%s` is refused with the position of the fault', (text, where) => {
  expect(whenViolation('when', text)).toMatchObject({
    field: 'when',
    description: expect.stringMatching(where),
  })
})

test('a when is good when it is CEL, and not longer than 1 KiB', () => {
  expect(whenViolation('when', '')).toBeUndefined()
  expect(whenViolation('when', 'attempt.version >= "20110502"')).toBeUndefined()
  expect(whenViolation('when', `attempt.version == "${'x'.repeat(1024)}"`)?.description).toContain('1024')
})
