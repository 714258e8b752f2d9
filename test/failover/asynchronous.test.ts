import { randomBytes, randomUUID } from 'node:crypto'
import type { ServiceError } from '@grpc/grpc-js'
import { EpochChangedError, LockLostError } from '@holdfast/sdk'
import { expect, test } from 'vitest'
import { errorInfoOf } from '../harness/error-info.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer, testServer } from '../harness/server.ts'
import { primaryAndStandby } from '../harness/standby.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until, within } from '../harness/wait.ts'
import { comparable } from '../watch/history.ts'
import { keepWriting } from '../watch/keep-writing.ts'
import { called, report, started } from '../watch/reports.ts'
import { SdkWatch } from '../watch/sdk-watch.ts'
import { lossOf, sdk } from './clients.ts'

failOnLeaks()

/** What a grant in the new epoch waits for. */
const TTL_MS = 4000
const begin = { ledgerEpoch: 1n, revision: 0n as never, snapshotCursor: '' }
/** What a watch ends with waits for no revision. */
const NEVER = 2n ** 62n

const reasonOf = (error: ServiceError): string => errorInfoOf(error).reason

test('L2 L4 L12 W11 a standby that lacks what was acknowledged is promoted: a new epoch, all are told, and nobody is granted what a holder who heard nothing may think it holds', {
  timeout: 180_000,
}, async () => {
  await using pair = await primaryAndStandby({ synchronous: false })
  const databaseUrl = pair.url
  await using one = await spawnServer({ databaseUrl })
  await using two = await spawnServer({ databaseUrl })
  await using line = await tcpProxy(one.address)
  const [near, deaf, waiter] = [await sdk(two), await sdk(line), await sdk(two)]
  await using writing = keepWriting([one, two])
  const early = await near.acquireLock('production/early', { ttlMs: TTL_MS })
  const asking = await sdk(one)
  await writing.more(20)
  await using watch = new SdkWatch(two.address, { resume: begin })
  const lease = {
    leaseId: randomUUID(),
    secret: randomBytes(32),
    ttl: { seconds: BigInt(TTL_MS / 1000), nanos: 0 },
    owner: '',
  }
  // Nobody beats it. What counts is that the standby does not hear of its end, so it comes last before the cut.
  await called((done) => one.locks.createLease(lease, done))

  await pair.cutReplication()
  const late = await near.acquireLock('production/late', { ttlMs: TTL_MS })
  // Its lease is lost, too.
  const unheard = await deaf.acquireLock('production/unheard', { ttlMs: TTL_MS })
  let queued = false
  const waiting = waiter.acquireLock('production/unheard', {
    ...{ ttlMs: TTL_MS, waitMs: 60_000, timeoutMs: 60_000 },
    onQueued: () => {
      queued = true
    },
  })
  waiting.catch(() => {})
  await until('a place in the queue', () => queued)
  await writing.more(20)
  const head = await writing.stop()
  await watch.reached(head)

  const losses = [early, late].map(lossOf)
  line.drop()
  await pair.failOver()
  const inNewEpoch = 'select from ledger where epoch = 2'
  await until('the new epoch', async () => (await pair.standby.query(inNewEpoch)).rows.length > 0)
  // Before all else: it is refused for one TTL only.
  await expect(asking.acquireLock('production/free', { ttlMs: TTL_MS })).rejects.toMatchObject({
    blockers: [{ kind: 'new-epoch' }],
  })
  for (const loss of losses) {
    const reason = await within('the loss', loss)
    expect(reason).toBeInstanceOf(LockLostError)
  }
  // Of two servers one begins the epoch, and the other may have no connection yet.
  const comeBack = () => called((done) => two.locks.createLease(lease, done)).then(() => 'opened', reasonOf)
  const refusal = await until('an answer', async () => {
    const reason = await comeBack()
    return reason !== 'STORE_UNAVAILABLE' && reason
  })
  expect(refusal).toBe('EPOCH_CHANGED')
  await expect(watch.reached(NEVER)).rejects.toBeInstanceOf(EpochChangedError)

  const granted = await within('the grant to who waited', waiting, 30_000)
  expect(unheard.state).toBe('lost')
  expect(granted.ledgerEpoch).toBe(2n)
  for (const { fencingToken } of [early, late, unheard]) {
    expect(granted.fencingToken).toBeGreaterThan(fencingToken)
  }
  for (const server of [one, two]) {
    const client = await sdk(server)
    for (const lock of [early, late, unheard]) {
      await expect(client.verifyFence(lock.fence)).rejects.toThrow()
      const { name, fencingToken } = lock
      await expect(client.startRun({ kind: 'task', lock: { name, fencingToken } })).rejects.toMatchObject({
        reason: 'STALE_TOKEN',
      })
    }
    expect((await client.verifyFence(granted.fence)).name).toBe(granted.name)
    await using again = new SdkWatch(server.address, { resume: watch.position })
    await expect(again.reached(NEVER)).rejects.toBeInstanceOf(EpochChangedError)
  }
  await granted.release()
})

test('L2 W11 a standby that was said to be synchronous and is not: who saw what is lost begins a new epoch, also when a server that knows nothing has written over it', {
  timeout: 180_000,
}, async () => {
  const replication = 'synchronous'
  await using pair = await primaryAndStandby({ synchronous: false })
  await using one = await testServer({ databaseUrl: pair.url, replication })
  await using reader = await testServer({ databaseUrl: pair.url, replication })
  await using watch = new SdkWatch(reader.address, { resume: begin })
  const client = await sdk(one)
  const early = await client.acquireLock('production/early', { ttlMs: 60_000 })
  await pair.cutReplication()
  const late = await client.acquireLock('production/late', { ttlMs: 60_000 })
  const losses = [early, late].map(lossOf)
  const { revision: head } = await report(one, [started('web-0', 'airship', 'lost')])
  await watch.reached(head)
  const seen = comparable(watch.history)

  await pair.primary.kill()
  await pair.standby.promote()
  await using fresh = await testServer({ databaseUrl: pair.standby.url, replication })
  for (let over = 0n; over <= head; ) {
    const outcome = await report(fresh, [started('web-1', 'airship', `v${over}`)])
    expect(outcome.ledgerEpoch).toBe(1n)
    over = outcome.revision
  }
  pair.proxy.moveTo(pair.standby.socket)

  for (const loss of losses)
    expect(await within('the loss', loss, 60_000)).toMatchObject({ lossCause: 'epoch-changed' })
  await expect(watch.reached(NEVER)).rejects.toBeInstanceOf(EpochChangedError)
  expect(comparable(watch.history)).toEqual(seen)
  for (const server of [one, reader, fresh]) {
    const { ledgerEpoch, revision } = await report(server, [started('web-2', 'airship')])
    expect(ledgerEpoch).toBe(2n)
    expect(revision).toBeGreaterThan(late.fencingToken)
  }
})
