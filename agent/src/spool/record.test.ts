import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c } from './crc32c.ts'
import { encodeRecord, scanSegment } from './record.ts'

const events = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 })

test('the checksum is CRC32C', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
})

test('what was appended is read, in order', () => {
  fc.assert(
    fc.property(events, (all) => {
      const scanned = scanSegment(Buffer.concat(all.map(encodeRecord)))
      expect(scanned).toEqual({ events: all.map((one) => Buffer.from(one)), damagedBytes: 0, tornBytes: 0 })
    }),
  )
})

test('a torn tail costs its record only, and none after it', () => {
  fc.assert(
    fc.property(events, fc.uint8Array({ maxLength: 40 }), fc.nat(), events, (before, torn, cut, after) => {
      const record = encodeRecord(torn)
      const bytes = Buffer.concat([
        ...before.map(encodeRecord),
        record.subarray(0, cut % record.length),
        ...after.map(encodeRecord),
      ])
      expect(scanSegment(bytes).events).toEqual([...before, ...after].map((one) => Buffer.from(one)))
    }),
  )
})

test('a torn record that lacks just what the next one begins with does not take it along', () => {
  const torn = encodeRecord(Buffer.from('…H'))
  const next = Buffer.from('next')
  const bytes = Buffer.concat([torn.subarray(0, -1), encodeRecord(next)])
  expect(scanSegment(bytes).events).toEqual([next])
})

test('a flipped byte costs one record, and the others stay in order', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1 }), fc.nat(), (all, at) => {
      const bytes = Buffer.concat(all.map(encodeRecord))
      bytes[at % bytes.length]! ^= 0xff
      const { events, damagedBytes, tornBytes } = scanSegment(bytes)
      expect(events.length).toBe(all.length - 1)
      expect(damagedBytes + tornBytes).toBeGreaterThan(0)
    }),
  )
})
