import { once } from 'node:events'
import { status as Code } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { AdminServiceService, GetServerInfoResponse } from '../../proto/gen/holdfast/v1/admin_service.ts'
import { IngestRequest, IngestResponse } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { StateServiceService } from '../../proto/gen/holdfast/v1/state_service.ts'
import { batch, collect, detailsOf, rawIngest, serve, settle, step } from './harness.ts'

/** Field 1, 16 bytes long, of which two are there. */
const truncated = Buffer.from([0x0a, 0x10, 0x01, 0x02])
const asIs = (bytes: Buffer) => bytes

test('bytes that are not protobuf are refused on a unary call, and the server goes on', async () => {
  let calls = 0
  await using at = await serve({
    admin: {
      getServerInfo: async () => {
        calls++
        return GetServerInfoResponse.fromPartial({})
      },
    },
  })
  const { path, responseDeserialize } = AdminServiceService.getServerInfo
  const { error } = await settle((done) =>
    at.admin.makeUnaryRequest(path, asIs, responseDeserialize, truncated, (failure, response) =>
      done(failure, response!),
    ),
  )
  expect(error?.code).toBe(Code.INVALID_ARGUMENT)
  expect(error?.details).toContain('not valid protobuf')
  expect(detailsOf(error).info?.reason).toBe('INVALID_REQUEST')
  expect(calls).toBe(0)
  expect((await settle((done) => at.admin.getServerInfo({}, done))).error).toBeUndefined()
})

test('bytes that are not protobuf are refused on a server stream', async () => {
  await using at = await serve({
    state: {
      async *watchState() {
        yield step(1)
      },
    },
  })
  const { path, responseDeserialize } = StateServiceService.watchState
  const { messages, error } = await collect(
    at.state.makeServerStreamRequest(path, asIs, responseDeserialize, truncated),
  )
  expect(messages).toHaveLength(0)
  expect(detailsOf(error).info?.reason).toBe('INVALID_REQUEST')
})

test('bytes that are not protobuf end a bidi stream; what was acknowledged before has arrived', async () => {
  await using at = await serve({
    ingest: {
      async *ingest(requests) {
        let acked = 0n
        for await (const _ of requests) yield IngestResponse.fromPartial({ ackedBatches: ++acked })
      },
    },
  })
  const call = rawIngest(at.ingest)
  const valid = Buffer.from(IngestRequest.encode(batch('a')).finish())
  for (const bytes of [valid, valid, truncated, valid]) call.write(bytes)
  const { messages, error } = await collect(call)
  expect(messages.map(({ ackedBatches }) => ackedBatches)).toEqual([1n, 2n])
  expect(error?.code).toBe(Code.INVALID_ARGUMENT)
  expect(detailsOf(error).info?.reason).toBe('INVALID_REQUEST')
})

test('a request of more than 4 MiB is refused with both lengths', async () => {
  await using at = await serve({ ingest: { ingestBatch: async () => ({ outcome: undefined }) } })
  const request = (bytes: number) => ({ batch: batch('a', bytes).batch })
  const small = await settle((done) => at.ingest.ingestBatch(request(4_194_000), done))
  expect(small.error).toBeUndefined()
  const { error } = await settle((done) => at.ingest.ingestBatch(request(4_194_304), done))
  expect(error?.code).toBe(Code.RESOURCE_EXHAUSTED)
  expect(error?.details).toMatch(/larger than max \(\d+ vs\.? 4194304\)/)
})

test('a request of more than 4 MiB ends a stream, not its neighbour', async () => {
  await using at = await serve({
    ingest: {
      async *ingest(requests) {
        let acked = 0n
        for await (const _ of requests) yield IngestResponse.fromPartial({ ackedBatches: ++acked })
      },
    },
  })
  const neighbour = at.ingest.ingest()
  const call = at.ingest.ingest()
  call.write(batch('a', 4_300_000))
  expect((await collect(call)).error?.code).toBe(Code.RESOURCE_EXHAUSTED)
  neighbour.write(batch('b'))
  expect((await once(neighbour, 'data'))[0]).toMatchObject({ ackedBatches: 1n })
  neighbour.end()
  expect((await collect(neighbour)).error).toBeUndefined()
})
