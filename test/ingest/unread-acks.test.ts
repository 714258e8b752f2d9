import { once } from 'node:events'
import { expect, test } from 'vitest'
import type { IngestResponse } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { clientsOf } from '../harness/clients.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { batchOf, IngestCall, ingest, noted } from './ingest-call.ts'

failOnLeaks()

const STREAMS = 3
const BATCHES = 120
const EVENTS = 100

test('streams that never read their acks are not read any further, and cost their neighbours nothing', async () => {
  await using server = await testServer()
  using ends = new DisposableStack()
  // Refused for its id: 1 kB that makes some 270 bytes of answer.
  const batch = batchOf(Array.from({ length: EVENTS }, () => noted('x', { id: 'x'.repeat(1000) })))

  /** How many batches of each stream left this process. */
  const written = Array.from({ length: STREAMS }, () => 0)
  const calls = await Promise.all(
    written.map(async (_, i) => {
      // A connection each, as they are different clients: the streams of one share its window.
      const clients = ends.use(clientsOf(server.address, { 'grpc.use_local_subchannel_pool': 1 }))
      const call = clients.ingest.ingest()
      call.on('error', () => {})
      ends.defer(() => call.cancel())
      call.write({ batch })
      // A client of grpc-js that was never read from keeps all that comes.
      await once(call, 'data')
      call.pause()
      const write = () => {
        if (written[i]! < BATCHES) call.write({ batch }, () => write())
        written[i]!++
      }
      write()
      return call
    }),
  )
  using neighbour = new IngestCall(server)
  let sent = 0
  await until('the server to stop reading', async () => {
    const standing = written.join()
    // Neighbours are answered meanwhile.
    for (let i = 0; i < 20; i++) {
      neighbour.send([noted('x')])
      await neighbour.acked(++sent)
      await ingest(server, [noted('y')])
    }
    return written.join() === standing
  })
  for (const count of written) expect(count).toBeLessThan(BATCHES - 20)

  const acked = calls.map(() => 0n)
  for (const [i, call] of calls.entries()) {
    call.on('data', ({ ackedBatches }: IngestResponse) => {
      acked[i] = ackedBatches
    })
    call.resume()
  }
  await until('all of them to be answered', () => acked.every((count) => count === BigInt(BATCHES + 1)))
})
