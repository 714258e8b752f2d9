import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecentMap } from './recent-map.ts'

test('what was put last is there with its last value, and nothing of before twice as much', () => {
  const steps = fc.array(
    fc.record({ key: fc.nat(9), weight: fc.integer({ min: 1, max: 5 }), deletes: fc.boolean() }),
    {
      maxLength: 60,
    },
  )
  fc.assert(
    fc.property(fc.integer({ min: 5, max: 20 }), steps, (keeps, all) => {
      const map = new RecentMap<number, { weight: number; at: number }>(keeps, ({ weight }) => weight)
      for (const [at, { key, weight, deletes }] of all.entries()) {
        if (deletes) map.delete(key)
        else map.set(key, { weight, at })
        for (let other = 0; other < 10; other++) {
          const last = all.slice(0, at + 1).findLastIndex((step) => step.key === other)
          const held = map.get(other)
          if (last < 0 || all[last]!.deletes) expect(held).toBeUndefined()
          else {
            const since = all.slice(last + 1, at + 1)
            const put = since.reduce((sum, step) => sum + (step.deletes ? 0 : step.weight), all[last]!.weight)
            if (put <= keeps) expect(held?.at).toBe(last)
            else if (put > 2 * keeps + 10) expect(held).toBeUndefined()
            else if (held !== undefined) expect(held.at).toBe(last)
          }
        }
      }
    }),
  )
})

test('nothing is there after it was cleared', () => {
  const map = new RecentMap<string, number>(3)
  for (const key of ['a', 'b', 'c', 'd']) map.set(key, 1)
  map.clear()
  expect(['a', 'b', 'c', 'd'].map((key) => map.get(key))).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})
