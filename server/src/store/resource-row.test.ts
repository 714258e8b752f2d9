import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Machine } from '../../../proto/gen/holdfast/v1/machine.ts'
import { Instance } from '../../../proto/gen/holdfast/v1/service.ts'
import { HoldfastError } from '../domain/error.ts'
import { resourceOf, wireOf } from './resource-row.ts'
import { rowBytes, type WireRow, writeRow } from './wire-row.ts'

const at = { revision: 7n, head: 9n, now: true }
const time = fc.record({ seconds: fc.bigInt({ min: 1n, max: 1n << 36n }), nanos: fc.nat(999_999_999) })

const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString('base64').replace(/.{76}/g, '$&\n')

function together(row: WireRow): Buffer {
  const buffer = Buffer.alloc(rowBytes(row))
  expect(writeRow(row, buffer, 0)).toBe(buffer.length)
  return buffer
}

test('a row passed on as it is stored reads as the row decoded', () => {
  const seen = fc.option(fc.bigInt({ min: 0n, max: 1n << 54n }), { nil: null })
  fc.assert(
    fc.property(fc.string(), fc.option(time, { nil: undefined }), seen, (etag, observedTime, observed_at) => {
      const row = { name: 'x', current: true, observed_at }
      const machine = {
        ...row,
        body: toBase64(Machine.encode(Machine.fromPartial({ etag, observedTime })).finish()),
      }
      expect(Machine.decode(together(wireOf('machine', machine, at)))).toEqual(
        resourceOf('machine', machine, at),
      )
      const instance = {
        ...row,
        body: toBase64(Instance.encode(Instance.fromPartial({ etag, observedTime })).finish()),
      }
      expect(Instance.decode(together(wireOf('instance', instance, at)))).toEqual(
        resourceOf('instance', instance, at),
      )
    }),
  )
})

test('what a compaction took meanwhile is REVISION_COMPACTED', () => {
  const row = { name: 'x', current: false, observed_at: null, body: null }
  for (const read of [() => wireOf('machine', row, at), () => resourceOf('machine', row, at)]) {
    expect(read).toThrow(expect.objectContaining({ reason: 'REVISION_COMPACTED' }))
    expect(read).toThrow(HoldfastError)
  }
})
