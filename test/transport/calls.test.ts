import { once } from 'node:events'
import { connect } from 'node:http2'
import { type Client, status as Code, Metadata } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { GetServerInfoResponse } from '../../proto/gen/holdfast/v1/admin_service.ts'
import { IngestResponse, IngestServiceService } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { WatchStateResponse } from '../../proto/gen/holdfast/v1/watch.ts'
import { type CallContext, Encoded } from '../../server/src/api/handler.ts'
import { HoldfastError } from '../../server/src/domain/error.ts'
import { until } from '../harness/wait.ts'
import { batch, collect, detailsOf, revisionOf, serve, settle, step } from './harness.ts'

const info = (principal: string) => GetServerInfoResponse.fromPartial({ principal })
const watch = { filter: '', resume: undefined, skipSnapshot: false, resetIfLost: false }

test('a unary handler answers, and knows its caller, method and request id', async () => {
  let seen: CallContext | undefined
  await using at = await serve({
    admin: {
      getServerInfo: async (_request, context) => {
        seen = context
        context.log.info('hello')
        return info(context.principal)
      },
    },
  })
  const metadata = new Metadata()
  metadata.set('x-request-id', 'abc-1')
  metadata.set('holdfast-principal', 'alice')
  const { response } = await settle<GetServerInfoResponse>((done) =>
    at.admin.getServerInfo({}, metadata, done),
  )
  expect(response.principal).toBe('alice')
  expect(seen).toMatchObject({ method: 'holdfast.v1.AdminService/GetServerInfo', requestId: 'abc-1' })
  expect(seen!.deadline).toBeUndefined()
  const line = at.logged.find(({ msg }) => msg === 'hello')
  expect(line).toMatchObject({
    principal: 'alice',
    requestId: 'abc-1',
    peer: expect.stringContaining('127.0.0.1:'),
  })
  await until('the line of the call', () => at.logged.some(({ msg }) => msg === 'call'))
  expect(at.logged.find(({ msg }) => msg === 'call')).toMatchObject({ code: 'OK', level: 20 })
})

test('a refusal arrives with its code, text and details', async () => {
  await using at = await serve({
    admin: {
      getServerInfo: async () => {
        throw new HoldfastError('INVALID_REQUEST', 'name: is required – 名前', {
          metadata: { field: 'name' },
          violations: [
            { field: 'name', description: 'is required' },
            { field: 'page_size', description: 'must not be negative' },
          ],
          retryAfterMs: 1_500,
        })
      },
    },
  })
  const { error } = await settle((done) => at.admin.getServerInfo({}, done))
  expect(error).toMatchObject({ code: Code.INVALID_ARGUMENT, details: 'name: is required – 名前' })
  const { info, badRequest, retry, status } = detailsOf(error)
  expect(status).toMatchObject({ code: Code.INVALID_ARGUMENT, message: 'name: is required – 名前' })
  expect(info).toEqual({ reason: 'INVALID_REQUEST', domain: 'holdfast.dev', metadata: { field: 'name' } })
  expect(badRequest?.fieldViolations.map(({ field }) => field)).toEqual(['name', 'page_size'])
  expect(retry?.retryDelay).toEqual({ seconds: 1n, nanos: 500_000_000 })
})

test('a fault becomes INTERNAL, tells nothing of its cause, and is logged once with it', async () => {
  await using at = await serve({
    admin: {
      getServerInfo: async () => {
        throw new Error('syntax error in SELECT secret FROM t')
      },
    },
  })
  const { error } = await settle((done) => at.admin.getServerInfo({}, done))
  expect(error?.code).toBe(Code.INTERNAL)
  expect(error?.details).not.toContain('SELECT')
  const { info } = detailsOf(error)
  expect(info?.reason).toBe('INTERNAL')
  const lines = at.logged.filter((line) => JSON.stringify(line).includes('SELECT secret'))
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatchObject({ level: 50, requestId: info?.metadata.requestId })
})

test('a fault in the middle of a stream is logged once', async () => {
  await using at = await serve({
    state: {
      async *watchState() {
        yield step(1)
        throw new TypeError('boom')
      },
    },
  })
  const { error } = await collect(at.state.watchState(watch))
  expect(error?.code).toBe(Code.INTERNAL)
  await until('the handler to end', () => at.server.openCalls === 0)
  expect(at.logged.filter((line) => JSON.stringify(line).includes('boom'))).toHaveLength(1)
})

test.each(['before', 'after'])(
  'a stream handler that throws %s its first message ends the call',
  async (when) => {
    await using at = await serve({
      state: {
        async *watchState() {
          if (when === 'after') yield step(1)
          throw new HoldfastError('REVISION_COMPACTED', 'too old')
        },
      },
    })
    const { messages, error } = await collect(at.state.watchState(watch))
    expect(messages).toHaveLength(when === 'after' ? 1 : 0)
    expect(error?.code).toBe(Code.OUT_OF_RANGE)
    expect(detailsOf(error).info?.reason).toBe('REVISION_COMPACTED')
  },
)

test('a handler that is no generator and throws at once ends the call', async () => {
  await using at = await serve({
    state: {
      watchState: () => {
        throw new HoldfastError('EPOCH_CHANGED', 'another epoch')
      },
    },
  })
  const { error } = await collect(at.state.watchState(watch))
  expect(error?.code).toBe(Code.FAILED_PRECONDITION)
})

test('encoded answers are written as they are', async () => {
  const bytes = WatchStateResponse.encode(step(7)).finish()
  await using at = await serve({
    state: {
      async *watchState() {
        yield step(6)
        yield new Encoded(bytes)
      },
    },
  })
  const { messages } = await collect(at.state.watchState(watch))
  expect(messages.map(revisionOf)).toEqual([6, 7])
})

test('a client that cancels aborts the signal and ends the iterator', async () => {
  let reason: unknown
  let returned = false
  await using at = await serve({
    state: {
      async *watchState(_request, { signal }) {
        signal.addEventListener('abort', () => {
          reason = signal.reason
        })
        try {
          yield step(1)
          await once(signal, 'abort')
        } finally {
          returned = true
        }
      },
    },
  })
  const call = at.state.watchState(watch)
  call.on('error', () => {})
  await once(call, 'data')
  call.cancel()
  await until('the handler to end', () => returned && at.server.openCalls === 0)
  expect(reason).toMatchObject({ reason: 'CANCELLED' })
})

test('a client that goes calls return() of an iterator that waits for its next message', async () => {
  let returned = false
  await using at = await serve({
    state: {
      watchState: () => {
        let finish: ((step: IteratorResult<WatchStateResponse>) => void) | undefined
        return {
          [Symbol.asyncIterator]: () => ({
            next: () =>
              new Promise((resolve) => {
                finish = resolve
              }),
            return: async () => {
              returned = true
              finish?.({ done: true, value: undefined })
              return { done: true, value: undefined }
            },
          }),
        }
      },
    },
  })
  const call = at.state.watchState(watch)
  call.on('error', () => {})
  await until('the call', () => at.server.openCalls === 1)
  at.state.close()
  call.cancel()
  await until('the iterator to be returned', () => returned && at.server.openCalls === 0)
})

/** A deadline that a call reaches its handler before, by far, when nothing is to be dialled. */
const inTime = () => new Date(Date.now() + 1000)

const connected = (client: Client): Promise<void> =>
  new Promise((resolve, reject) => {
    client.waitForReady(Number.POSITIVE_INFINITY, (error) => (error ? reject(error) : resolve()))
  })

test('a deadline aborts a unary handler', async () => {
  let reason: unknown
  let deadline: Date | undefined
  await using at = await serve({
    admin: {
      getServerInfo: async (_request, context) => {
        deadline = context.deadline
        await once(context.signal, 'abort')
        reason = context.signal.reason
        throw reason
      },
    },
  })
  await connected(at.admin)
  const options = { deadline: inTime() }
  const { error } = await settle((done) => at.admin.getServerInfo({}, new Metadata(), options, done))
  expect(error?.code).toBe(Code.DEADLINE_EXCEEDED)
  await until('the handler to be told', () => reason !== undefined)
  expect(reason).toMatchObject({ reason: expect.stringMatching(/DEADLINE_EXCEEDED|CANCELLED/) })
  expect(deadline).toBeInstanceOf(Date)
})

test('a deadline ends a stream whose client reads nothing', async () => {
  let ended = false
  await using at = await serve({
    state: {
      async *watchState(_request, { signal }) {
        try {
          for (let revision = 1; !signal.aborted; revision++) yield step(revision, 60_000)
        } finally {
          ended = true
        }
      },
    },
  })
  await connected(at.state)
  const call = at.state.watchState(watch, new Metadata(), { deadline: inTime() })
  call.on('error', () => {})
  call.pause()
  await until('the handler to end', () => ended && at.server.openCalls === 0)
})

test('a bidi stream answers as requests come, and ends when the client half-closes', async () => {
  await using at = await serve({
    ingest: {
      async *ingest(requests) {
        let acked = 0n
        for await (const { batch } of requests) {
          yield IngestResponse.fromPartial({ ackedBatches: ++acked, outcomes: [{ source: batch!.source }] })
        }
        yield IngestResponse.fromPartial({ ackedBatches: acked + 100n })
      },
    },
  })
  const call = at.ingest.ingest()
  call.write(batch('a'))
  const [first] = (await once(call, 'data')) as [IngestResponse]
  expect(first.outcomes[0]?.source).toBe('a')
  call.write(batch('b'))
  call.end()
  const { messages, error } = await collect(call)
  expect(error).toBeUndefined()
  expect(messages.map(({ ackedBatches }) => ackedBatches)).toEqual([2n, 102n])
})

test('a connection that breaks rejects the request that the handler waits for', async () => {
  let thrown: unknown
  await using at = await serve({
    ingest: {
      // biome-ignore lint/correctness/useYield: it never gets as far
      async *ingest(requests) {
        try {
          for await (const _ of requests);
        } catch (error) {
          thrown = error
          throw error
        }
      },
    },
  })
  const session = connect(`http://${at.address}`)
  session.on('error', () => {})
  const stream = session.request({
    ':method': 'POST',
    ':path': IngestServiceService.ingest.path,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  stream.on('error', () => {})
  await until('the call', () => at.server.openCalls === 1)
  session.destroy()
  await until('the handler to be told', () => thrown !== undefined)
  expect(thrown).toMatchObject({ reason: 'CANCELLED' })
})

test('a handler may stop reading while it waits for a request', async () => {
  await using at = await serve({
    ingest: {
      async *ingest(requests) {
        const iterator = requests[Symbol.asyncIterator]()
        const waiting = iterator.next()
        await iterator.return?.()
        expect(await waiting).toEqual({ done: true, value: undefined })
        yield IngestResponse.fromPartial({ ackedBatches: 1n })
      },
    },
  })
  const { messages, error } = await collect(at.ingest.ingest())
  expect(error).toBeUndefined()
  expect(messages).toHaveLength(1)
})
