import { once } from 'node:events'
import { ChannelCredentials, status as Code } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import {
  HealthClient,
  HealthCheckResponse_ServingStatus as Serving,
} from '../../proto/gen/grpc/health/v1/health.ts'
import { GetServerInfoResponse } from '../../proto/gen/holdfast/v1/admin_service.ts'
import { IngestResponse } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { until } from '../harness/wait.ts'
import { batch, collect, detailsOf, serve, settle, step } from './harness.ts'

const watch = { filter: '', resume: undefined, skipSnapshot: false, resetIfLost: false }
const graceMs = 5_000

test('a watch ends at once with SERVER_DRAINING, also when its handler is slow to notice', async () => {
  const slow = Promise.withResolvers<void>()
  await using at = await serve({
    state: {
      async *watchState() {
        yield step(1)
        await slow.promise
      },
    },
  })
  const call = at.state.watchState(watch)
  await once(call, 'data')
  const collected = collect(call)
  const drained = at.server.drain(graceMs)
  const { error } = await collected
  expect(error?.code).toBe(Code.UNAVAILABLE)
  const { info, retry } = detailsOf(error)
  expect(info?.reason).toBe('SERVER_DRAINING')
  expect(retry?.retryDelay).toBeDefined()
  expect(at.server.openCalls).toBe(1)
  slow.resolve()
  await drained
  expect(at.server.openCalls).toBe(0)
})

test('a bidi stream may acknowledge what it took before it ends with SERVER_DRAINING', async () => {
  const commit = Promise.withResolvers<void>()
  let taken = 0
  await using at = await serve({
    ingest: {
      async *ingest(requests) {
        for await (const _ of requests) taken++
        await commit.promise
        yield IngestResponse.fromPartial({ ackedBatches: BigInt(taken) })
      },
    },
  })
  const call = at.ingest.ingest()
  call.write(batch('a'))
  call.write(batch('b'))
  await until('both batches', () => taken === 2)
  const drained = at.server.drain(graceMs)
  commit.resolve()
  const { messages, error } = await collect(call)
  expect(messages.map(({ ackedBatches }) => ackedBatches)).toEqual([2n])
  expect(detailsOf(error).info?.reason).toBe('SERVER_DRAINING')
  await drained
})

test('unary calls under way are finished, and new ones are refused', async () => {
  const finish = Promise.withResolvers<void>()
  await using at = await serve({
    admin: {
      getServerInfo: async () => {
        await finish.promise
        return GetServerInfoResponse.fromPartial({ version: 'done' })
      },
    },
  })
  const first = settle<GetServerInfoResponse>((done) => at.admin.getServerInfo({}, done))
  await until('the call', () => at.server.openCalls === 1)
  const drained = at.server.drain(graceMs)
  const second = await settle((done) => at.admin.getServerInfo({}, done))
  expect(second.error?.code).toBe(Code.UNAVAILABLE)
  finish.resolve()
  expect((await first).response.version).toBe('done')
  await drained
})

test('what does not end within the grace is cut off', async () => {
  const never = Promise.withResolvers<never>()
  await using at = await serve({ admin: { getServerInfo: () => never.promise } })
  const call = settle((done) => at.admin.getServerInfo({}, done))
  await until('the call', () => at.server.openCalls === 1)
  await at.server.drain(50)
  expect(detailsOf((await call).error).info?.reason).toBe('SERVER_DRAINING')
})

test('a client that reads nothing does not hold up the end', async () => {
  await using at = await serve({
    state: {
      async *watchState(_request, { signal }) {
        for (let revision = 1; !signal.aborted; revision++) yield step(revision, 60_000)
      },
    },
  })
  const call = at.state.watchState(watch)
  call.on('error', () => {})
  await once(call, 'data')
  call.pause()
  await at.server.drain(200)
  await until('the handler to end', () => at.server.openCalls === 0)
})

test('health answers for the server and each service; a drain is told to who watches it, and ends the watch', async () => {
  await using at = await serve({})
  const health = new HealthClient(at.address, ChannelCredentials.createInsecure())
  for (const service of ['', 'holdfast.v1.StateService', 'grpc.reflection.v1.ServerReflection']) {
    const { response } = await settle((done) => health.check({ service }, done))
    expect(response).toEqual({ status: Serving.SERVING })
  }
  const unknown = await settle((done) => health.check({ service: 'nope' }, done))
  expect(unknown.error?.code).toBe(Code.NOT_FOUND)
  const unknownWatch = health.watch({ service: 'nope' })
  expect((await once(unknownWatch, 'data'))[0]).toEqual({ status: Serving.SERVICE_UNKNOWN })
  unknownWatch.on('error', () => {})
  const call = health.watch({ service: '' })
  expect((await once(call, 'data'))[0]).toEqual({ status: Serving.SERVING })
  const collected = collect(call)
  await at.server.drain(graceMs)
  const { messages, error } = await collected
  expect(messages).toEqual([{ status: Serving.NOT_SERVING }])
  expect(error?.code).toBe(Code.UNAVAILABLE)
  health.close()
})
