import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ChurningMap } from './churning-map.ts'

test('a map that was renewed again and again is as one that never was', () => {
  const step = fc.record({ key: fc.nat(40), deletes: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const churning = new ChurningMap<number, number>()
      const plain = new Map<number, number>()
      for (const [at, { key, deletes }] of steps.entries()) {
        if (deletes) expect(churning.delete(key)).toBe(plain.delete(key))
        else {
          churning.set(key, at)
          plain.set(key, at)
        }
        expect(churning.size).toBe(plain.size)
        expect(churning.get(key)).toBe(plain.get(key))
        expect(churning.has(key)).toBe(plain.has(key))
      }
      expect([...churning]).toEqual([...plain])
      expect([...churning.values()]).toEqual([...plain.values()])
    }),
  )
})

test('what is walked while it is emptied is walked to its end', () => {
  const map = new ChurningMap<number, number>()
  for (let i = 0; i < 200; i++) map.set(i, i)
  const seen: number[] = []
  for (const value of map.values()) {
    seen.push(value)
    map.delete(value)
  }
  expect(seen).toHaveLength(200)
  expect(map.size).toBe(0)
})
