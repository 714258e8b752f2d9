import { randomFillSync } from 'node:crypto'

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
// One call for 4 KiB is cut into 512 ids: a call for each costs more than all the rest.
const pool = Buffer.alloc(4096)
let used = pool.length
let lastMs = 0
let counter = 0
let prefix = ''

/**
 * A UUID of version 7 (RFC 9562): 48 bits of time, then a 12-bit counter within the millisecond, then 62
 * random bits. Each one of this process sorts after the one before, also when the clock steps back.
 */
export function uuidV7(now: number = Date.now()): string {
  if (now > lastMs) {
    lastMs = now
    counter = 0
    prefix = ''
  } else if (++counter > 0xfff) {
    lastMs++
    counter = 0
    prefix = ''
  }
  if (prefix === '') prefix = timePrefix(lastMs)
  if (used + 8 > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const at = used
  used += 8
  const b = (offset: number): string => hex[pool[at + offset]!]!
  const variant = hex[(pool[at]! & 0x3f) | 0x80]!
  return `${prefix}-7${counter.toString(16).padStart(3, '0')}-${variant}${b(1)}-${b(2)}${b(3)}${b(4)}${b(5)}${b(6)}${b(7)}`
}

function timePrefix(ms: number): string {
  const time = ms.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}`
}
