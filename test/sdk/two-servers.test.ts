import { Holdfast, type Logger } from '@holdfast/sdk'
import { expect, onTestFinished, test } from 'vitest'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer } from '../harness/server.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until } from '../harness/wait.ts'

failOnLeaks()

const TTL_MS = 12_000

/** A client that knows both servers, and dials the first one first. */
function client(servers: readonly { address: string }[]) {
  const warnings: string[] = []
  const silent = (): void => {}
  const logger: Logger = {
    ...{ debug: silent, info: silent, error: silent },
    warn: (_, text) => void warnings.push(text ?? ''),
  }
  const address = `ipv4:${servers.map(({ address }) => address).join(',')}`
  const holdfast = Holdfast.lazy({ address, logger })
  onTestFinished(() => holdfast.close())
  return { holdfast, cuts: () => warnings.filter((text) => text.includes('session of locks')).length }
}

test('L11 when the server of a session is killed, the session is at the other one after a single try, with all that it had', async () => {
  await using database = await testDatabase()
  await using first = await spawnServer({ databaseUrl: database.url })
  await using second = await spawnServer({ databaseUrl: database.url })
  const { holdfast, cuts } = client([first, second])
  const other = client([second]).holdfast
  const lock = await holdfast.acquireLock('production/airship', { ttlMs: TTL_MS })
  const blocker = await other.acquireLock('production/mast', { ttlMs: TTL_MS })
  let queued = 0
  const waiting = holdfast.acquireLock('production/mast', {
    ...{ ttlMs: TTL_MS, waitMs: 60_000 },
    onQueued: () => {
      queued++
    },
  })
  await until('a place in the queue', () => queued > 0)
  await first.kill('SIGKILL')

  const more = await holdfast.acquireLock('production/sail', { ttlMs: TTL_MS })
  expect(cuts()).toBe(1)
  await blocker.release()
  const granted = await waiting
  const before = lock.remainingMs
  await until('a beat at the other server', () => lock.remainingMs > before)
  expect((await other.verifyFence(lock.fence)).name).toBe(lock.name)
  for (const one of [lock, more, granted]) {
    expect(one.state).toBe('held')
    await one.release()
  }
})

test('L11 when the server of a session is stopped, nothing is lost, and the session goes on at the other one', async () => {
  await using database = await testDatabase()
  await using first = await spawnServer({ databaseUrl: database.url })
  await using second = await spawnServer({ databaseUrl: database.url })
  const { holdfast } = client([first, second])
  const lock = await holdfast.acquireLock('production/airship', { ttlMs: TTL_MS })
  process.kill(first.pid, 'SIGSTOP')
  try {
    // Within its usual time: nobody has to ask for more.
    const more = await holdfast.acquireLock('production/sail', { ttlMs: TTL_MS })
    const before = lock.remainingMs
    await until('a beat at the other server', () => lock.remainingMs > before || lock.state === 'lost')
    expect(lock.state).toBe('held')
    await lock.release()
    await more.release()
  } finally {
    process.kill(first.pid, 'SIGCONT')
  }
})

test('while no server is there an acquire looks for one as long as it may take, and finds it', async () => {
  await using database = await testDatabase()
  await using first = await spawnServer({ databaseUrl: database.url })
  await using proxy = await tcpProxy(first.address)
  await first.kill('SIGKILL')
  const { holdfast } = client([proxy])
  await expect(holdfast.acquireLock('production/airship', { timeoutMs: 1500 })).rejects.toMatchObject({
    code: expect.stringMatching(/^(UNAVAILABLE|DEADLINE_EXCEEDED)$/),
  })
  const acquiring = holdfast.acquireLock('production/airship', { timeoutMs: 60_000 })
  acquiring.catch(() => {})
  await using back = await spawnServer({ databaseUrl: database.url })
  proxy.moveTo(back.address)
  await using lock = await acquiring
  expect(lock.state).toBe('held')
})
