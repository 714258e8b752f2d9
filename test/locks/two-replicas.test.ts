import { Holdfast } from '@holdfast/sdk'
import { expect, onTestFinished, test } from 'vitest'
import { Hold_State } from '../../proto/gen/holdfast/v1/hold.ts'
import { Lock_EndCause, Lock_State } from '../../proto/gen/holdfast/v1/lock.ts'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { lockCallsOf } from './calls.ts'
import { LockClient, scope } from './lock-client.ts'

failOnLeaks()

const ROUNDS = 10
const WRITERS = 4

test('L5 while a lock is released at one server, writes under its token at another come before its end, or are refused', async () => {
  await using database = await testDatabase()
  await using one = await testServer({ databaseUrl: database.url })
  await using two = await testServer({ databaseUrl: database.url })
  const holdfast = await Holdfast.connect({ address: two.address })
  onTestFinished(() => holdfast.close())
  using client = await LockClient.open(one.locks, { ttlMs: 600_000 })
  const { verifyFence, getLock } = lockCallsOf(two)

  for (let round = 0; round < ROUNDS; round++) {
    const lock = await client.acquire('production/airship')
    let release: (() => void) | undefined
    let waiting = WRITERS
    const released = new Promise<void>((resolve) => {
      release = resolve
    }).then(() => client.release(lock))
    // Each goes on until it is refused, so that the release comes in between wherever it comes.
    const passed = await Promise.all(
      Array.from({ length: WRITERS }, async (_, writer) => {
        const revisions: bigint[] = []
        for (let count = 0; ; count++) {
          // A lock takes a hundred runs, and a slow release lets more than that come before it.
          if (count === 20) await released
          const tried = writer === 0 ? verifyFence(lock).then(({ revision }) => revision) : write()
          const outcome = await tried.catch((error: unknown) => String(error))
          if (typeof outcome === 'string') {
            expect(outcome).toMatch(/stale token|is not good/)
            return revisions
          }
          revisions.push(outcome)
          if (count === 1 && --waiting === 0) release?.()
        }
      }),
    )
    await released
    const { revision: end } = await getLock(lock.name)
    for (const revisions of passed) {
      expect(revisions.length).toBeGreaterThan(0)
      for (const revision of revisions) {
        expect(revision).toBeGreaterThanOrEqual(lock.fencingToken)
        expect(revision).toBeLessThan(end)
      }
    }

    async function write(): Promise<bigint> {
      const run = await holdfast.startRun({ kind: 'task', title: 'race', lock })
      return run.state.revision
    }
  }
})

test('who ends a lock by force at another server than the one that granted it is told that it has ended', async () => {
  await using database = await testDatabase()
  await using one = await testServer({ databaseUrl: database.url })
  await using two = await testServer({ databaseUrl: database.url })
  using holder = await LockClient.open(one.locks)
  using other = await LockClient.open(two.locks)
  // So that this server has written, and not since the lock is granted.
  await other.acquire('production/mast')
  const granted = await holder.acquire('production/airship')
  const { lock } = await lockCallsOf(two).force(granted, 'stuck')
  expect(lock).toMatchObject({ state: Lock_State.ENDED, endCause: Lock_EndCause.FORCED, endReason: 'stuck' })
  const wished = await holder.acquire('production/airship')
  const told = await lockCallsOf(two).requestRelease(wished, 'hotfix')
  expect(told.lock?.releaseRequest?.reason).toBe('hotfix')
})

test('a hold that is placed again at another server after it was lifted does not stand again', async () => {
  await using database = await testDatabase()
  await using one = await testServer({ databaseUrl: database.url })
  await using two = await testServer({ databaseUrl: database.url })
  const { placeHold, liftHold } = lockCallsOf(one)
  const request = { scope: scope('production/airship'), reason: 'migrating', requestId: 'r-1' }
  const { hold } = await placeHold(request)
  await liftHold({ name: hold!.name, reason: 'migrated' })
  // One that follows, and one that begins.
  await using three = await testServer({ databaseUrl: database.url })
  for (const server of [two, three]) {
    const again = await lockCallsOf(server).placeHold(request)
    expect(again.hold).toMatchObject({ name: hold!.name, state: Hold_State.LIFTED })
  }
})
