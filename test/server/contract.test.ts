import { readFile } from 'node:fs/promises'
import { fromBinary } from '@bufbuild/protobuf'
import { FileDescriptorSetSchema, MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt'
import { expect, test } from 'vitest'

test('every method of the contract states whether it may be sent again', async () => {
  const bytes = await readFile(new URL('../../proto/gen/descriptor-set.binpb', import.meta.url))
  const files = fromBinary(FileDescriptorSetSchema, bytes).file.filter(({ package: name }) =>
    name.startsWith('holdfast.'),
  )
  const methods = files.flatMap(({ service }) =>
    service.flatMap(({ name, method }) =>
      method.map(({ name: rpc, options }) => ({ rpc: `${name}.${rpc}`, level: options?.idempotencyLevel })),
    ),
  )
  expect(methods.length).toBeGreaterThan(40)
  const silent = methods.filter(
    ({ level }) => (level ?? 0) === MethodOptions_IdempotencyLevel.IDEMPOTENCY_UNKNOWN,
  )
  expect(silent).toEqual([])
})
