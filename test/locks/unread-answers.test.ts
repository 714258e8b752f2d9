import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Lock } from '../../proto/gen/holdfast/v1/lock.ts'
import {
  LockServiceService,
  type SessionRequest,
  SessionResponse,
} from '../../proto/gen/holdfast/v1/lock_service.ts'
import { LeaseCalls } from '../../server/src/api/lease-calls.ts'
import { lockService } from '../../server/src/api/lock-service.ts'
import { LockSession, type SessionParts } from '../../server/src/api/lock-session.ts'
import { LockWaits } from '../../server/src/api/lock-waits.ts'
import { Ledger } from '../../server/src/ledger/ledger.ts'
import { openStore } from '../../server/src/store/store.ts'
import { GrpcServer } from '../../server/src/transport/grpc-server.ts'
import { rpcStatus } from '../../server/src/transport/status.ts'
import { clientsOf } from '../harness/clients.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { LockClient } from './lock-client.ts'

/** Counts those that wait. */
class CountedWaits extends LockWaits {
  open = 0

  override async granted(...wait: Parameters<LockWaits['granted']>): Promise<Lock> {
    this.open++
    try {
      return await super.granted(...wait)
    } finally {
      this.open--
    }
  }
}

const log = pino({ level: 'silent' })
const ends = new AsyncDisposableStack()
let server: TestServer
let parts: SessionParts & { waits: CountedWaits }
/** Of a second server on the same database, made of `parts`. */
let address: string

beforeAll(async () => {
  server = ends.use(await testServer())
  const store = await openStore({ url: server.url, log })
  ends.defer(() => store.close())
  const ledger = new Ledger({ store, log })
  ends.defer(() => ledger.stop())
  await ledger.start()
  const leases = new LeaseCalls(ledger, rpcStatus)
  parts = { ledger, leases, waits: new CountedWaits(ledger, store), rpcStatus, mayOverride: () => false }
  const grpc = new GrpcServer({ address: '127.0.0.1:0', log, descriptorSet: () => Promise.reject() })
  grpc.add(LockServiceService, {
    ...lockService({ ledger, store, rpcStatus, overriders: [] }),
    session: (requests, context) => new LockSession(parts, context).run(requests),
  })
  address = await grpc.listen()
  ends.defer(() => grpc.drain(200))
})
afterAll(() => ends.disposeAsync())

test('a session that does not read its answers is not read any further, and misses none', async () => {
  const [messages, callsOfEach] = [20, 1000]
  let read = 0
  async function* requests(): AsyncGenerator<SessionRequest> {
    while (read < messages) {
      const firstId = read++ * callsOfEach + 1
      const calls = Array.from({ length: callsOfEach }, (_, at) => ({ callId: BigInt(firstId + at) }))
      yield { calls: calls.map(({ callId }) => ({ callId, call: undefined })) }
    }
  }
  const { signal } = new AbortController()
  const call = { signal, log, principal: 'alice', method: '', deadline: undefined, requestId: '' }
  const answers = new LockSession(parts, call).run(requests())
  const answered = new Set<bigint>()
  for (let step = await answers.next(); !step.done; step = await answers.next()) {
    for (const { callId } of SessionResponse.decode(step.value.encoded).answers) answered.add(callId)
    // The client is at this message, and takes its time.
    await turn()
    expect(read * callsOfEach - answered.size).toBeLessThanOrEqual(2 * callsOfEach)
  }
  expect(answered.size).toBe(messages * callsOfEach)
})

test('a session that its client ended forgets who waits, and who waits keeps the place', async () => {
  using clients = clientsOf(address)
  using holder = await LockClient.open(server.locks)
  const held = await holder.acquire('name:busy')
  using client = await LockClient.open(clients.locks)
  const request = { requestId: randomUUID(), waitMs: 60_000 }
  client.acquire('name:busy', request).catch(() => {})
  await until('it to wait', () => parts.waits.open === 1)
  await client.finish()
  await until('the wait to be forgotten', () => parts.waits.open === 0)
  client.reopen(server.locks)
  await client.attach()
  const again = client.acquire('name:busy', request)
  await holder.release(held)
  expect((await again).fencingToken).toBeGreaterThan(held.fencingToken)
})
