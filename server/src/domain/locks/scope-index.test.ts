import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import { overlaps } from './scope.ts'
import { ScopeIndex } from './scope-index.ts'

const part = fc.constantFrom('*', '*', 'a', 'b', 'c')
const box = fc.record({ environment: part, service: part, machine: part, name: fc.constant('') })
const named = fc.record({
  environment: fc.constant(''),
  service: fc.constant(''),
  machine: fc.constant(''),
  name: fc.constantFrom('a', 'b'),
})
const scopes: fc.Arbitrary<Scope[]> = fc.array(
  fc.oneof({ weight: 4, arbitrary: box }, { weight: 1, arbitrary: named }),
  { minLength: 1, maxLength: 4 },
)

test('finds just what overlaps, after any adding and deleting', () => {
  const steps = fc.array(fc.record({ scopes, gone: fc.boolean() }), { maxLength: 30 })
  fc.assert(
    fc.property(steps, scopes, (items, asked) => {
      const index = new ScopeIndex<number>()
      for (const [item, step] of items.entries()) index.add(step.scopes, item)
      for (const [item, step] of items.entries()) if (step.gone) index.delete(step.scopes, item)
      const expected = [...items.keys()].filter(
        (item) =>
          !items[item]!.gone &&
          items[item]!.scopes.some((scope) => asked.some((other) => overlaps(scope, other))),
      )
      expect([...index.overlapping(asked)].sort((a, b) => a - b)).toEqual(expected)
    }),
    { numRuns: 500 },
  )
})
