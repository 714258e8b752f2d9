import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type AcquiredLock, Holdfast, LockLostError } from '@holdfast/sdk'
import pino from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { Lock_EndCause } from '../../proto/gen/holdfast/v1/lock.ts'
import { startEmbeddedPostgres } from '../../server/src/store/embedded-postgres.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testDataDir, testServer } from '../harness/server.ts'
import { until, within } from '../harness/wait.ts'
import { sql } from '../watch/history.ts'

failOnLeaks()

/** Lives through starts of the database, also on a busy machine. */
const TTL_MS = 30_000

async function sdk({ address }: { address: string }): Promise<Holdfast> {
  const holdfast = await Holdfast.connect({ address })
  onTestFinished(() => holdfast.close())
  return holdfast
}

/** With owners and modes, as a backup is. */
const copyOf = (from: string, to: string) => promisify(execFile)('cp', ['-a', from, to])

const lossOf = (lock: AcquiredLock): Promise<unknown> =>
  new Promise((resolve) => {
    const { signal } = lock
    if (signal.aborted) resolve(signal.reason)
    else signal.addEventListener('abort', () => resolve(signal.reason))
  })

test('L2 L7 L12 a database that was put back to an older copy begins a new epoch: all locks end, no old token passes at any server, and who waits is granted', {
  timeout: 180_000,
}, async () => {
  await using directory = await testDataDir()
  const log = pino({ level: 'silent' })
  const start = () => startEmbeddedPostgres({ dataDir: directory.path, log })
  let postgres = await start()
  try {
    const { url } = postgres
    await using one = await testServer({ databaseUrl: url })
    await using two = await testServer({ databaseUrl: url })
    const [holder, other] = [await sdk(one), await sdk(two)]
    const early = await holder.acquireLock('production/early', { ttlMs: TTL_MS })

    await postgres.stop()
    const copy = join(directory.path, 'copy')
    await copyOf(join(directory.path, 'postgres'), copy)
    postgres = await start()
    await until('the database at the servers', async () => {
      const lock = await holder.tryAcquireLock('production/probe', { ttlMs: TTL_MS }).catch(() => undefined)
      await lock?.release()
      return lock !== undefined
    })
    const late = await holder.acquireLock('production/late', { ttlMs: TTL_MS })
    let queued = false
    const waiting = other.acquireLock('production/late', {
      ...{ ttlMs: TTL_MS, waitMs: 60_000, timeoutMs: 60_000 },
      onQueued: () => {
        queued = true
      },
    })
    waiting.catch(() => {})
    await until('a place in the queue', () => queued)
    const losses = [lossOf(early), lossOf(late)]

    await postgres.stop()
    await rm(join(directory.path, 'postgres'), { recursive: true })
    await copyOf(copy, join(directory.path, 'postgres'))
    postgres = await start()

    for (const loss of losses) {
      const reason = await within('the loss', loss, 60_000)
      expect(reason).toBeInstanceOf(LockLostError)
      expect(reason).toMatchObject({ lossCause: 'epoch-changed' })
    }
    // For how long nothing is granted is not asked here. Servers read it as they connect.
    await sql(url, 'update ledger set grants_from = clock_timestamp()')
    await sql(
      url,
      'select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()',
    )
    const granted = await within('the grant to who waited', waiting, 60_000)
    expect(granted.ledgerEpoch).toBe(late.ledgerEpoch + 1n)
    expect(granted.fencingToken).toBeGreaterThan(late.fencingToken)
    for (const server of [one, two]) {
      const asking = await sdk(server)
      for (const { fence } of [early, late]) await expect(asking.verifyFence(fence)).rejects.toThrow()
      await expect(
        asking.startRun({ kind: 'task', lock: { name: early.name, fencingToken: early.fencingToken } }),
      ).rejects.toMatchObject({ reason: 'STALE_TOKEN' })
      expect((await asking.verifyFence(granted.fence)).name).toBe(granted.name)
      expect((await asking.getLock(early.name)).endCause).toBe(Lock_EndCause.EPOCH_CHANGED)
    }
    await granted.release()
  } finally {
    await postgres.stop()
  }
})
