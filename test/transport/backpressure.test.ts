import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { IngestResponse, IngestServiceService } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { until } from '../harness/wait.ts'
import { batch, collect, revisionOf, serve, steady, step } from './harness.ts'

const watch = { filter: '', resume: undefined, skipSnapshot: false, resetIfLost: false }
/** Of each message. HTTP/2 takes 64 KiB in before it waits for the reader. */
const messageBytes = 32 * 1_024
/** What grpc-js and HTTP/2 hold at both ends for one stream, with room. */
const mostHeld = 60

/** A grpc-js client that was never read from does not hold the server back: it keeps everything. */
async function readOne(call: Readable): Promise<void> {
  await once(call, 'data')
  call.pause()
  call.removeAllListeners('data')
}

test('a client that reads slowly holds the handler back, and misses nothing', async () => {
  let yielded = 0
  await using at = await serve({
    state: {
      async *watchState() {
        while (yielded < 300) yield step(++yielded, messageBytes)
      },
    },
  })
  const call = at.state.watchState(watch)
  await readOne(call)
  const held = await steady(() => yielded)
  expect(held).toBeLessThan(mostHeld)
  const { messages, error } = await collect(call)
  expect(error).toBeUndefined()
  expect(messages.map(revisionOf)).toEqual(Array.from({ length: 299 }, (_, index) => index + 2))
})

test('a handler that does not ask for requests holds the client back, and misses nothing', async () => {
  const go = Promise.withResolvers<void>()
  let decoded = 0
  const { requestDeserialize } = IngestServiceService.ingest
  const counted = {
    ...IngestServiceService,
    ingest: {
      ...IngestServiceService.ingest,
      requestDeserialize: (bytes: Buffer) => {
        decoded++
        return requestDeserialize(bytes)
      },
    },
  }
  let taken = 0
  await using at = await serve(
    {
      ingest: {
        async *ingest(requests) {
          for await (const { batch } of requests) {
            taken++
            expect(batch?.source).toBe(`s${taken}`)
            if (taken === 1) await go.promise
          }
          yield IngestResponse.fromPartial({ ackedBatches: BigInt(taken) })
        },
      },
    },
    { ingestService: counted },
  )
  const call = at.ingest.ingest()
  for (let index = 1; index <= 300; index++) call.write(batch(`s${index}`, messageBytes))
  call.end()
  await until('the first request', () => taken === 1)
  // One with the handler, one read ahead, and what one HTTP/2 window holds.
  expect(await steady(() => decoded)).toBeLessThanOrEqual(6)
  go.resolve()
  const { messages } = await collect(call)
  expect(messages[0]?.ackedBatches).toBe(300n)
})

test('a stream that never reads its acks stops being read, and costs bounded memory', async () => {
  let taken = 0
  await using at = await serve({
    ingest: {
      async *ingest(requests) {
        for await (const _ of requests) {
          taken++
          const refused = [{ id: 'x'.repeat(messageBytes), seq: 1n, index: 0 }]
          yield IngestResponse.fromPartial({ ackedBatches: BigInt(taken), outcomes: [{ refused }] })
        }
      },
    },
  })
  const call = at.ingest.ingest()
  call.on('error', () => {})
  for (let index = 0; index < 500; index++) call.write(batch('s', 1_024))
  await readOne(call)
  expect(await steady(() => taken)).toBeLessThan(mostHeld)
  call.cancel()
  await until('the handler to end', () => at.server.openCalls === 0)
})
