import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LogEntry } from '../../../../proto/gen/holdfast/v1/run.ts'
import { newEntries } from './log-append.ts'

const entriesOf = (log: Buffer, from: number, sizes: number[]): LogEntry[] => {
  let offset = from
  return sizes.map((size) => {
    const entry = LogEntry.fromPartial({ offset: BigInt(offset), data: log.subarray(offset, offset + size) })
    offset += entry.data.length
    return entry
  })
}

test('a log that is sent again from anywhere before its end, cut otherwise, is the log: nothing lost, nothing twice', () => {
  const sends = fc.array(fc.tuple(fc.nat(), fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 6 })))
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), sends, (bytes, attempts) => {
      const log = Buffer.from(bytes)
      let size = 0n
      const kept: Uint8Array[] = []
      for (const [back, sizes] of attempts) {
        const sent = entriesOf(log, back % (Number(size) + 1), sizes)
        const fresh = newEntries('runs/1', size, sent)
        for (const { offset, data } of fresh.entries) {
          expect(offset).toBe(BigInt(Buffer.concat(kept).length))
          kept.push(data)
        }
        size = fresh.size
      }
      expect(Buffer.concat(kept).equals(log.subarray(0, Number(size)))).toBe(true)
    }),
  )
})

test('a hole before an entry is refused, with the end of the log', () => {
  const entry = LogEntry.fromPartial({ offset: 7n, data: Buffer.from('x') })
  expect(() => newEntries('runs/1', 5n, [entry])).toThrow(
    expect.objectContaining({ reason: 'LOG_GAP', metadata: expect.objectContaining({ size: '5' }) }),
  )
})
