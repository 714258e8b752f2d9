import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import { contains, normalScope, overlaps, scopeText, scopeViolations } from './scope.ts'

const box = (environment: string, service = '', machine = ''): Scope =>
  normalScope({ environment, service, machine, name: '' })
const named = (name: string): Scope => ({ environment: '', service: '', machine: '', name })

const part = fc.constantFrom('*', 'a', 'b')
const boxes = fc.tuple(part, part, part).map((parts) => box(...parts))
const scopes = fc.oneof(boxes, fc.constantFrom('x', 'y').map(named))

/** Everything that there is in the world of these tests, as a box without `*` covers one thing. */
const world = ['a', 'b', 'c'].flatMap((e) =>
  ['a', 'b', 'c'].flatMap((s) => ['a', 'b', 'c'].map((m) => box(e, s, m))),
)
const covered = (scope: Scope): Scope[] =>
  scope.name !== '' ? [scope] : world.filter((thing) => contains(scope, thing))

test.each([
  ['production', 'production/airship', true],
  ['production/airship', 'production/airship/web-0', true],
  ['*/*/web-0', 'production/airship/web-0', true],
  ['*/*/web-0', 'production/airship/web-1', false],
  ['*/airship', 'production/*/web-0', true],
  ['staging/airship', 'production/airship', false],
])('%s and %s overlap: %s', (a, b, expected) => {
  const scopeOf = (text: string): Scope => box(...(text.split('/') as [string, string, string]))
  expect(overlaps(scopeOf(a), scopeOf(b))).toBe(expected)
  expect(overlaps(scopeOf(b), scopeOf(a))).toBe(expected)
})

test('a name overlaps only itself, and no box, not even the one that covers everything', () => {
  expect(overlaps(named('db-migration'), named('db-migration'))).toBe(true)
  expect(overlaps(named('db-migration'), named('other'))).toBe(false)
  expect(overlaps(named('db-migration'), box('*'))).toBe(false)
})

test('two scopes overlap when there is something that both cover, and one contains another when it covers it all', () => {
  fc.assert(
    fc.property(scopes, scopes, (a, b) => {
      const [ofA, ofB] = [covered(a).map(scopeText), covered(b).map(scopeText)]
      expect(overlaps(a, b)).toBe(ofA.some((thing) => ofB.includes(thing)))
      expect(contains(a, b)).toBe(ofB.every((thing) => ofA.includes(thing)))
    }),
  )
})

test('a scope is written without what is any at its end', () => {
  expect(scopeText(box('production'))).toBe('production')
  expect(scopeText(box('*', 'airship'))).toBe('*/airship')
  expect(scopeText(box('*', '*', 'web-0'))).toBe('*/*/web-0')
  expect(scopeText(box('*'))).toBe('*')
  expect(scopeText(named('db-migration'))).toBe('name:db-migration')
})

test.each([
  ['nothing', undefined, 'scope', 'covers nothing'],
  ['all parts empty', { environment: '', service: '', machine: '', name: '' }, 'scope', 'covers nothing'],
  [
    'a name and a box',
    { environment: 'production', service: '', machine: '', name: 'x' },
    'scope.name',
    'box',
  ],
  ['a name with a space', named('a b'), 'scope.name', 'spaces'],
  [
    'a service that is no id',
    { environment: 'production', service: 'a/b', machine: '', name: '' },
    'scope.service',
    '',
  ],
])('%s is refused', (_, scope, field, text) => {
  const [violation] = scopeViolations('scope', scope as Scope | undefined)
  expect(violation).toMatchObject({ field, description: expect.stringContaining(text) })
})
