import type { AcquiredLock } from '@holdfast/sdk'
import { expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer } from '../harness/server.ts'
import { primaryAndStandby } from '../harness/standby.ts'
import { until, within } from '../harness/wait.ts'
import { comparable, historyOf } from '../watch/history.ts'
import { expectAll, keepWriting } from '../watch/keep-writing.ts'
import { SdkWatch } from '../watch/sdk-watch.ts'
import { sdk } from './clients.ts'
import { keepLocking } from './keep-locking.ts'

failOnLeaks()

/** Longer than a failover takes on a busy machine; nothing waits for it. */
const TTL_MS = 20_000
const env = { HOLDFAST_REPLICATION: 'synchronous' }
const begin = { ledgerEpoch: 1n, revision: 0n as never, snapshotCursor: '' }

/** When the lease of a lock is over unless it is beaten, by the clock of its client. */
const deadlineOf = (lock: AcquiredLock): number => performance.now() + lock.remainingMs

test('I1 L2 L11 W2 W3 W5 a synchronous standby takes over under load: nothing acknowledged is lost, what is held stays held, tokens rise, and watches go on', {
  timeout: 180_000,
}, async () => {
  await using pair = await primaryAndStandby({ synchronous: true })
  const databaseUrl = pair.url
  await using one = await spawnServer({ databaseUrl, env })
  await using two = await spawnServer({ databaseUrl, env })
  await using watch = new SdkWatch(one.address, { resume: begin })
  await using other = new SdkWatch(two.address, { resume: begin })
  const [holder, waiter] = [await sdk(one), await sdk(two)]
  const held = await holder.acquireLock('production/held', { ttlMs: TTL_MS })
  let queued = false
  const waiting = waiter.acquireLock('production/held', {
    ...{ ttlMs: TTL_MS, waitMs: 60_000, timeoutMs: 60_000 },
    onQueued: () => {
      queued = true
    },
  })
  waiting.catch(() => {})
  await until('a place in the queue', () => queued)
  await using writing = keepWriting([one, two])
  await using locking = keepLocking([await sdk(one), await sdk(two)], {
    scope: 'production/busy',
    ttlMs: TTL_MS,
  })
  await writing.more(30)
  await locking.more(10)

  await pair.failOver()
  const deadline = deadlineOf(held)
  await writing.more(30)
  await locking.more(10)
  await until('a heartbeat after the failover', () => deadlineOf(held) > deadline + 500)
  expect(held.state).toBe('held')
  for (const client of [holder, waiter]) expect((await client.verifyFence(held.fence)).name).toBe(held.name)
  await locking.stop()
  await writing.stop()
  await held.release()
  const granted = await within('the grant to who waited', waiting)
  expect(granted.ledgerEpoch).toBe(1n)
  const tokens = [held.fencingToken, ...locking.tokens, granted.fencingToken]
  expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1)))
  await granted.release()

  const { rows } = await pair.standby.query<{ head: string; timeline: number }>(
    'select head, timeline from ledger',
  )
  expect(rows[0]!.timeline).toBe(2)
  await Promise.all([watch, other].map((each) => each.reached(BigInt(rows[0]!.head))))
  const history = await historyOf(databaseUrl)
  expect(history.map(({ revision }) => revision)).toEqual(history.map((_, i) => BigInt(i + 1)))
  for (const each of [watch, other]) expect(comparable(each.history)).toEqual(comparable(history))
  expectAll(writing.acknowledged, history)
})
