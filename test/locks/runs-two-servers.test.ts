import { randomUUID } from 'node:crypto'
import { Holdfast } from '@holdfast/sdk'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Run_State } from '../../proto/gen/holdfast/v1/run.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type SpawnedServer, spawnServer, type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { LockClient } from './lock-client.ts'

failOnLeaks()

let database: TestDatabase
/** Locks are taken and ended at one, runs are told of at the other. */
let locker: SpawnedServer
let teller: TestServer
let holdfast: Holdfast
let sql: pg.Client

beforeAll(async () => {
  database = await testDatabase()
  const databaseUrl = database.url
  ;[locker, teller] = await Promise.all([spawnServer({ databaseUrl }), testServer({ databaseUrl })])
  holdfast = await Holdfast.connect({ address: teller.address })
  sql = new pg.Client({ connectionString: database.url })
  await sql.connect()
})
afterAll(async () => {
  holdfast.close()
  await sql.end()
  await Promise.all([locker, teller].map((server) => server[Symbol.asyncDispose]()))
  await database[Symbol.asyncDispose]()
})

const fresh = (): string => `s${randomUUID().slice(0, 8)}`

/** A run at one server, under a lock of the other. */
async function runUnderLock(machines: string[]) {
  const service = fresh()
  const client = await LockClient.open(locker.locks)
  const lock = await client.acquire(`production/${service}`)
  const run = await holdfast.startRun({ kind: 'deploy', service, version: '2', machines, lock })
  return { service, client, lock, run }
}

const reasonOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'ok',
    (error: { reason?: string }) => error.reason ?? String(error),
  )

async function logOf(name: string): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const { data } of holdfast.readRunLog(name)) pieces.push(data)
  return Buffer.concat(pieces).toString()
}

test('L5: a token that one server ended is refused by the other at once: report, finish, log and start', async () => {
  const { client, lock, run, service } = await runUnderLock(['web-0'])
  await run.log('before\n')
  await run.flush()
  const ended = await client.release(lock)
  expect(await reasonOf(run.target('web-0', 'succeeded'))).toBe('STALE_TOKEN')
  await run.log('after\n')
  expect(await reasonOf(run.flush())).toBe('RUN_FINISHED')
  expect(await reasonOf(holdfast.startRun({ kind: 'task', service, lock }))).toBe('STALE_TOKEN')
  expect(await holdfast.getRun(run.name)).toMatchObject({ state: Run_State.ABANDONED, revision: ended })
  expect(await logOf(run.name)).toBe('before\n')
  client.cut()
})

test('L5: finishes that race with the end of their lock at the other server commit before it, or are refused', async () => {
  const seen = new Set<string>()
  for (let round = 0; round < 30; round++) {
    const { client, lock, run } = await runUnderLock(['web-0'])
    const finish = () => reasonOf(run.finish('succeeded'))
    // Now the one, now the other is a little ahead.
    const [told, ended] =
      round % 2 === 0
        ? await Promise.all([finish(), client.release(lock)])
        : (await Promise.all([client.release(lock), finish()])).reverse()
    const { state, revision } = await holdfast.getRun(run.name)
    seen.add(String(told))
    if (told === 'ok') {
      expect(state).toBe(Run_State.SUCCEEDED)
      expect(revision).toBeLessThan(ended as bigint)
    } else {
      expect(told).toBe('STALE_TOKEN')
      expect({ state, revision }).toEqual({ state: Run_State.ABANDONED, revision: ended })
    }
    client.cut()
  }
  for (const told of seen) expect(['ok', 'STALE_TOKEN']).toContain(told)
})

test('L5: a lock does not end while something is appended to the log of its run', async () => {
  const { client, lock, run } = await runUnderLock([])
  await run.log('first\n')
  await run.flush()
  // Whoever appends has the run to itself until this is let go, and waits for it.
  await sql.query('begin')
  await sql.query(`select 1 from run_log l join run r on r.id = l.run_id where r.name = $1 for update of l`, [
    run.name,
  ])
  const appended = run.log('second\n').then(() => run.flush())
  await until('the append to wait', async () => (await waiting('holdfast-reader')) > 0)
  let released = false
  const ended = client.release(lock).then((revision) => {
    released = true
    return revision
  })
  await until('the end of the lock to wait', async () => (await waiting('holdfast-writer')) > 0)
  expect(released).toBe(false)
  await sql.query('commit')
  await appended
  await ended
  expect((await holdfast.getRun(run.name)).state).toBe(Run_State.ABANDONED)
  expect(await logOf(run.name)).toBe('first\nsecond\n')
  client.cut()
})

test('L5: what is appended while the lock is being ended waits for that, and is refused', async () => {
  const { client, run } = await runUnderLock([])
  await run.log('first\n')
  await run.flush()
  await sql.query('begin')
  await sql.query(`update run set state = ${Run_State.ABANDONED} where name = $1`, [run.name])
  await run.log('second\n')
  const appended = reasonOf(run.flush())
  let settled = false
  const settling = appended.then(() => {
    settled = true
  })
  const other = await holdfast.startRun({ kind: 'task' })
  await other.log('logs of others go on meanwhile\n')
  await other.flush()
  expect(settled).toBe(false)
  await sql.query('commit')
  expect(await appended).toBe('RUN_FINISHED')
  await settling
  expect(await logOf(run.name)).toBe('first\n')
  client.cut()
})

/** How many backends of the servers wait for a lock of a row. */
async function waiting(application: string): Promise<number> {
  const { rows } = await sql.query(
    `select count(*)::int as count from pg_stat_activity
      where datname = current_database() and application_name = $1 and wait_event_type = 'Lock'`,
    [application],
  )
  return rows[0].count
}
