import { createHash } from 'node:crypto'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Command } from '../../server/src/domain/command.ts'
import type { Standing } from '../../server/src/domain/locks/acquire-lock.ts'
import { SatisfyCondition } from '../../server/src/domain/locks/conditions.ts'
import { GroupWriter } from '../../server/src/ledger/group-writer.ts'
import { openLease } from '../../server/src/store/leases.ts'
import { openStore, type Store } from '../../server/src/store/store.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'
import { acquire, leaseKeyOf } from '../harness/lock-commands.ts'
import { holdingLedger, waitingWriter, waitingWriters } from '../watch/held-ledger.ts'
import { sql } from '../watch/history.ts'

const log = pino({ level: 'silent' })
const HASH = createHash('sha256').update('secret').digest()

let database: TestDatabase
let store: Store
let writers: GroupWriter[]
let clients = 0
/** A client of its own for each test, whose lease is open. */
let client: number

beforeAll(async () => {
  database = await testDatabase()
  await assumeAnyClock()
  store = await openStore({ url: database.url, log })
})

afterAll(async () => {
  await store.close()
  await database[Symbol.asyncDispose]()
})

beforeEach(async () => {
  client = await openClient()
  writers = await Promise.all([1, 2].map(() => openWriter()))
})

afterEach(() => Promise.all(writers.map((writer) => writer.stop())))

/**
 * A batch that took the clock of the database to be a second from where it is, is refused: that much passes on a busy
 * machine, and is not what these tests are of. Here it may be an hour.
 */
async function assumeAnyClock(): Promise<void> {
  const { rows } = await sql<{ text: string }>(
    database.url,
    `select pg_get_functiondef('assume'::regproc) as text`,
  )
  const text = rows[0]!.text.replaceAll(`interval '1 second'`, `interval '1 hour'`)
  expect(text).not.toBe(rows[0]!.text)
  await sql(database.url, text)
}

test('a batch is refused that took the clock of the database to be more than a second from where it is', async () => {
  await using own = await testDatabase()
  const other = await openStore({ url: own.url, log })
  await other.close()
  const assume = (off: string) =>
    sql(
      own.url,
      `select assume(epoch, head, next_id, writer, clock_timestamp() + interval '${off}', '{}') from ledger`,
    )
  for (const off of ['-2 minutes', '2 minutes'])
    await expect(assume(off)).rejects.toThrow('the clock is not where it was')
  await expect(assume('0')).resolves.toMatchObject({ rowCount: 1 })
})

/** Opens the lease of a new client. */
async function openClient(): Promise<number> {
  const { id } = leaseKeyOf(++clients)
  await openLease(store, { id, secretHash: HASH, ttlMs: 60_000, owner: 'a test', principal: 'ann' })
  return clients
}

async function openWriter(): Promise<GroupWriter> {
  const writer = new GroupWriter({ store, log, onCommit: () => {} })
  await writer.start()
  return writer
}

const key = (of: number) => ({ id: leaseKeyOf(of).id, secretHash: HASH.toString('hex') })

/** Has the lease of the test's client be over. */
const expire = () =>
  sql(
    database.url,
    `update lease set expires_at = clock_timestamp() - interval '1 second' where id = '${key(client).id}'`,
  )

/** A request for a service that does not wait, and how often it was decided. */
function attempt(service: string, of = client): { command: Command<Standing>; decided: () => number } {
  const inner = acquire(of, service, { lease: key(of), waitMs: 0 })
  let times = 0
  const command: Command<Standing> = {
    size: inner.size,
    isAtHand: inner.isAtHand,
    collect: (keys) => inner.collect(keys),
    decide: (state) => {
      times++
      return inner.decide(state)
    },
  }
  return { command, decided: () => times }
}

/** Has a writer know the ledger as its own, and holds a lock on the service. */
async function warm(writer: GroupWriter, service: string): Promise<void> {
  for (let i = 0; i < 4; i++) await writer.submit(attempt(`${service}-${i}`).command)
  await writer.submit(attempt(service).command)
}

const changes = async (): Promise<number> =>
  (await sql<{ count: number }>(database.url, 'select count(*)::int as count from change')).rows[0]!.count

const commits = async () => (await sql(database.url, 'select revision from ledger_commit')).rows

const outcome = (submitted: Promise<Standing>): Promise<string> =>
  submitted.then(
    ({ granted }) => (granted ? 'granted' : 'waits'),
    ({ reason }) => reason,
  )

test('L1 what was decided before the ledger was locked is decided again when somebody else has written', async () => {
  const [ours, theirs] = writers as [GroupWriter, GroupWriter]
  await warm(ours, 'assumed')
  const [their, x, y] = [attempt('x'), attempt('x'), attempt('y')]
  const outcomes: Promise<string>[] = []
  {
    await using _held = await holdingLedger(database.url)
    outcomes.push(outcome(theirs.submit(their.command)))
    await waitingWriters(database.url, 1)
    outcomes.push(outcome(ours.submit(x.command)))
    await waitingWriters(database.url, 2)
    // On its way too, on what the one before it would leave.
    outcomes.push(outcome(ours.submit(y.command)))
    await Promise.resolve()
    expect([their.decided(), x.decided(), y.decided()]).toEqual([0, 1, 1])
  }
  expect(await Promise.all(outcomes)).toEqual(['granted', 'LOCK_HELD', 'granted'])
  expect([their.decided(), x.decided(), y.decided()]).toEqual([1, 2, 2])
  const { rows } = await sql<{ revision: string; count: string }>(
    database.url,
    'select count(distinct revision) as count, max(revision) as revision from change',
  )
  expect(rows[0]!.count).toBe(rows[0]!.revision)
})

test('L3 a lease that is over by the clock of the database is granted nothing, and what was assumed of it leaves no trace', async () => {
  const [ours] = writers as [GroupWriter]
  await warm(ours, 'over')
  const before = await changes()
  const late = attempt('late')
  await expire()
  expect(await outcome(ours.submit(late.command))).toBe('LEASE_EXPIRED')
  expect(late.decided()).toBe(2)
  expect(await changes()).toBe(before)
})

test('what goes behind a request that changes nothing is not done again when that one was wrong about its lease', async () => {
  const [ours] = writers as [GroupWriter]
  await warm(ours, 'behind')
  const other = await openClient()
  const [refused, granted] = [attempt('behind'), attempt('behind-free', other)]
  await ours.submit(attempt('behind-known', other).command)
  await expire()
  const before = await changes()
  const outcomes: Promise<string>[] = []
  {
    await using _held = await holdingLedger(database.url)
    outcomes.push(outcome(ours.submit(refused.command)))
    await waitingWriter(database.url)
    outcomes.push(outcome(ours.submit(granted.command)))
    await Promise.resolve()
    expect([refused.decided(), granted.decided()]).toEqual([1, 1])
  }
  expect(await Promise.all(outcomes)).toEqual(['LEASE_EXPIRED', 'granted'])
  expect([refused.decided(), granted.decided()]).toEqual([2, 1])
  expect(await changes()).toBe(before + 1)
  expect(await outcome(ours.submit(attempt('behind-free', other).command))).toBe('LOCK_HELD')
})

test('what needs rows is asked for them once, and stays one transaction, also where locks would be decided at once', async () => {
  const [ours] = writers as [GroupWriter]
  await warm(ours, 'rows')
  let collected = 0
  const commands = Array.from({ length: 40 }, (_, at): Command<bigint> => {
    const inner = new SatisfyCondition({ condition: `rows:${at}`, reason: '', principal: 'ann' })
    return {
      size: inner.size,
      collect: (keys) => {
        collected++
        inner.collect(keys)
      },
      decide: (state) => inner.decide(state).revision,
    }
  })
  const before = (await commits()).length
  await Promise.all(commands.map((command) => ours.submit(command)))
  expect(collected).toBe(40)
  expect((await commits()).length).toBe(before + 1)
})

test('a connection that is lost with two batches under way fails both, and what they did is looked up anew', async () => {
  const [ours] = writers as [GroupWriter]
  await warm(ours, 'lost')
  const outcomes: Promise<string>[] = []
  {
    await using _held = await holdingLedger(database.url)
    outcomes.push(outcome(ours.submit(attempt('lost-x').command)))
    const pid = await waitingWriter(database.url)
    outcomes.push(outcome(ours.submit(attempt('lost-y').command)))
    await Promise.resolve()
    await sql(database.url, `select pg_terminate_backend(${pid})`)
    expect(await Promise.all(outcomes)).toEqual(['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'])
  }
  expect(await outcome(ours.submit(attempt('lost').command))).toBe('LOCK_HELD')
  expect(await outcome(ours.submit(attempt('lost-x').command))).toBe('granted')
})
