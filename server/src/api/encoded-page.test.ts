import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Machine } from '../../../proto/gen/holdfast/v1/machine.ts'
import { ListMachinesResponse } from '../../../proto/gen/holdfast/v1/state_service.ts'
import { encodePage } from './encoded-page.ts'

test('a page put together from rows is what encoding the response gives', () => {
  const machine = fc
    .record({ name: fc.string({ maxLength: 300 }), etag: fc.string() })
    .map((fields) => Machine.fromPartial(fields))
  const page = fc.record({
    machines: fc.array(machine, { maxLength: 5 }),
    nextPageToken: fc.string({ maxLength: 200 }),
    revision: fc.oneof(fc.constantFrom(0n, 127n, 128n), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
  })
  fc.assert(
    fc.property(page, (response) => {
      const rows = response.machines.map((row) => [Machine.encode(row).finish()])
      const { encoded } = encodePage({ ...response, rows })
      expect(encoded).toEqual(Buffer.from(ListMachinesResponse.encode(response).finish()))
    }),
  )
})
