import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { ServiceError } from '@grpc/grpc-js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Lock_State } from '../../proto/gen/holdfast/v1/lock.ts'
import { errorInfoOf } from '../harness/error-info.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { lockCallsOf } from './calls.ts'
import { LockClient, scope } from './lock-client.ts'

let server: TestServer
/** Holds a lock all the while, which nothing here may touch. */
let bystander: LockClient
let standing: string

beforeAll(async () => {
  server = await testServer()
  bystander = await LockClient.open(server.locks, { ttlMs: 600_000 })
  standing = (await bystander.acquire('production/bystander')).name
})
afterAll(async () => {
  expect((await lockCallsOf(server).getLock(standing)).state).toBe(Lock_State.HELD)
  bystander[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
})

test.each([0, 999, 86_400_001])('a TTL of %i ms is refused', async (ttlMs) => {
  await expect(LockClient.open(server.locks, { ttlMs })).rejects.toMatchObject({
    reason: 'INVALID_REQUEST',
    message: expect.stringContaining('1 s to 86400 s'),
  })
})

test.each([
  ['an empty scope', [''], 'covers nothing'],
  ['no scope', [], '1 to 64'],
  ['10,000 scopes', Array.from({ length: 10_000 }, (_, n) => `production/s${n}`), 'got 10000'],
  ['a scope that is no id', ['production/air ship'], 'scopes[0].service'],
])('%s is refused', async (_, scopes, text) => {
  using client = await LockClient.open(server.locks)
  await expect(client.acquire(scopes)).rejects.toMatchObject({
    reason: 'INVALID_REQUEST',
    message: expect.stringContaining(text),
  })
})

test('a call without a number ends its session: an answer to it would look like news that was told unasked', async () => {
  const stream = server.locks.session()
  const told: unknown[] = []
  stream.on('data', (message) => told.push(message))
  stream.write({
    calls: [1n, 0n].map((callId) => ({ callId, call: { $case: 'keepAlive', value: { beats: [] } } })),
  })
  const [error] = (await once(stream, 'error')) as [ServiceError]
  expect(errorInfoOf(error).reason).toBe('INVALID_REQUEST')
  expect(error.details).toContain('calls[1].call_id: must not be 0')
  expect(told).toEqual([])
})

test('an invalid `when` is refused as the hold is placed, with the position of the fault', async () => {
  const { placeHold } = lockCallsOf(server)
  const placing = placeHold({ scope: scope('production/airship'), reason: 'x', when: '1 +* 2' })
  await expect(placing).rejects.toThrow(/when.*at character 3/s)
})

test('a hold until a time that nobody can write is refused, as it is placed and as it is amended', async () => {
  const { placeHold, amendHold } = lockCallsOf(server)
  const untilTime = { seconds: 8_640_000_000_001n, nanos: 0 }
  const draft = { scope: scope('production/airship'), reason: 'x' }
  await expect(placeHold({ ...draft, untilTime })).rejects.toThrow('until_time: must be a time')
  const { hold } = await placeHold({ ...draft, scope: scope('staging/airship') })
  const until = { $case: 'untilTime' as const, value: untilTime }
  await expect(amendHold({ name: hold!.name, until })).rejects.toThrow('until_time: must be a time')
})

test('a force without a reason is refused', async () => {
  const { force, getLock } = lockCallsOf(server)
  const error = await force(await getLock(standing), '').then(
    () => undefined,
    (refusal: ServiceError) => refusal,
  )
  expect(errorInfoOf(error!).reason).toBe('INVALID_REQUEST')
})

test("a release with another's token is STALE_TOKEN, and with another's secret PERMISSION_DENIED", async () => {
  using client = await LockClient.open(server.locks)
  const lock = await lockCallsOf(server).getLock(standing)
  await expect(client.release(lock)).rejects.toMatchObject({ reason: 'STALE_TOKEN' })
  const value = {
    ...{ name: lock.name, fencingToken: lock.fencingToken, lease: lock.lease },
    leaseSecret: Buffer.alloc(16),
  }
  await expect(client.call({ $case: 'releaseLock', value })).rejects.toMatchObject({
    reason: 'PERMISSION_DENIED',
  })
})

test('a session that floods is refused beyond 1,000 calls without an answer, and others go on', async () => {
  using flood = await LockClient.open(server.locks, { ttlMs: 600_000 })
  using other = await LockClient.open(server.locks, { ttlMs: 600_000 })
  const scope = `production/s${randomUUID().slice(0, 8)}`
  await bystander.acquire(scope)
  // None waits for another of them: each would be told of a hundred, which takes most of the time.
  const waits = Array.from({ length: 1100 }, (_, i) =>
    flood.acquire(`${scope}/web-${i}`, { waitMs: 600_000 }),
  )
  const reasons: string[] = []
  const outcomes = waits.map((wait) =>
    wait.catch((error: { reason?: string }) => void reasons.push(error.reason ?? 'cut')),
  )
  await until('the refusal of what is too much', () => reasons.length >= 100)
  expect(new Set(reasons)).toEqual(new Set(['QUOTA_EXCEEDED']))
  await other.acquire(`production/s${randomUUID().slice(0, 8)}`)
  flood.cut()
  await Promise.all(outcomes)
  expect(reasons.filter((reason) => reason === 'QUOTA_EXCEEDED')).toHaveLength(100)
})
