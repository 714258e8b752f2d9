import { randomFillSync } from 'node:crypto'

const pool = Buffer.alloc(8 * 1024)
let used = pool.length

/** A UUIDv7: a time in milliseconds, then randomness. Its B-tree pages fill in order, which suits both sides. */
export function uuidV7(atMs = Date.now()): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const time = atMs.toString(16).padStart(12, '0')
  const random = pool.toString('hex', used, used + 10)
  used += 16
  if (used > pool.length - 16) used = pool.length
  return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-a${random.slice(3, 6)}-${random.slice(6, 18)}`
}
