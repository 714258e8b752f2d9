import { expect, test } from 'vitest'
import { uuidV7 } from './uuid.ts'

test('ids are of version 7, unique, and sort in the order they were made', () => {
  const start = Date.now()
  // More in one millisecond than the counter holds, and a clock that steps back.
  const ids = Array.from({ length: 20_000 }, (_, n) => uuidV7(n < 10_000 ? start : start - 5000))
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids).toEqual([...ids].sort())
  for (const id of ids.slice(0, 100)) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  }
  expect(Number.parseInt(ids[0]!.replaceAll('-', '').slice(0, 12), 16)).toBeGreaterThanOrEqual(start)
})
