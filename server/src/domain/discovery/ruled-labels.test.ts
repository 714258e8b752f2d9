import fc from 'fast-check'
import { expect, test } from 'vitest'
import { withRuledLabels } from './ruled-labels.ts'

const labels = fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.constantFrom('1', '2'), {
  noNullPrototype: true,
})

test('what nobody else touched follows the rule; the rest stays', () => {
  fc.assert(
    fc.property(labels, labels, labels, (own, before, after) => {
      const ruled = withRuledLabels(withRuledLabels(own, {}, before), before, after)
      for (const key of ['a', 'b']) {
        expect(ruled[key]).toBe(own[key] !== undefined && own[key] !== before[key] ? own[key] : after[key])
      }
    }),
  )
})

test('nothing new is the same object; what there is no room for is left out', () => {
  const full = Object.fromEntries(Array.from({ length: 64 }, (_, i) => [`k${i}`, 'v']))
  expect(withRuledLabels(full, {}, { extra: '1' })).toBe(full)
  expect(withRuledLabels(full, { k1: 'v' }, { k1: 'w' })).toMatchObject({ k1: 'w' })
})
