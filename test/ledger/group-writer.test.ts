import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { Command } from '../../server/src/domain/command.ts'
import { HoldfastError } from '../../server/src/domain/error.ts'
import { type Commit, GroupWriter } from '../../server/src/ledger/group-writer.ts'
import { openStore, type Store } from '../../server/src/store/store.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'
import { holdingLedger, waitingWriter } from '../watch/held-ledger.ts'
import { sql } from '../watch/history.ts'

let database: TestDatabase
let store: Store
let writer: GroupWriter
let commits: Commit[]

beforeAll(async () => {
  database = await testDatabase()
  store = await openStore({ url: database.url, log: pino({ level: 'silent' }) })
})

afterAll(async () => {
  await store.close()
  await database[Symbol.asyncDispose]()
})

beforeEach(async () => {
  commits = []
  writer = await openWriter()
})

afterEach(() => writer.stop())

async function openWriter(options: { queueBytes?: number } = {}): Promise<GroupWriter> {
  const opened = new GroupWriter({
    store,
    log: pino({ level: 'silent' }),
    onCommit: (commit) => commits.push(commit),
    ...options,
  })
  await opened.start()
  return opened
}

let names = 0

/** Records a condition of a new name, then does what it is given. Answers the revision. */
function satisfy(then: () => void = () => {}, size = 100): Command<bigint> {
  const name = `conditions/test-${names++}`
  return {
    size,
    collect: (keys) => keys.named('condition', name),
    decide: (state) => {
      then()
      return state.revise(() =>
        state.put('condition', {
          ...{ name, uid: state.newUid(), etag: '', satisfiedBy: 'test', reason: '', revision: 0n },
          ...{
            satisfyTime: state.nowTimestamp,
            createTime: undefined,
            updateTime: undefined,
            revokeTime: undefined,
            revokedBy: '',
          },
        }),
      ).revision!
    },
  }
}

test('commands of one turn are one transaction, each its own revision, answered after the commit', async () => {
  const revisions = await Promise.all([1, 2, 3].map(() => writer.submit(satisfy())))
  expect(commits).toHaveLength(1)
  const { from, to, changes } = commits[0]!
  expect(revisions).toEqual([from + 1n, from + 2n, from + 3n])
  expect(to).toBe(from + 3n)
  expect(changes).toHaveLength(3)
  const { rows } = await sql<{ head: string }>(database.url, 'select head from ledger')
  expect(rows[0]!.head).toBe(String(to))
})

test('while one transaction commits, the next gathers', async () => {
  await writer.submit(satisfy())
  const submitted: Promise<bigint>[] = []
  {
    await using _held = await holdingLedger(database.url)
    submitted.push(writer.submit(satisfy()))
    await waitingWriter(database.url)
    for (let i = 0; i < 20; i++) submitted.push(writer.submit(satisfy()))
  }
  const revisions = await Promise.all(submitted)
  expect(commits.map(({ changes }) => changes.length)).toEqual([1, 1, 20])
  expect(revisions.map((revision) => revision - revisions[0]!)).toEqual(revisions.map((_, i) => BigInt(i)))
})

test('a command that is refused fails alone', async () => {
  const refuse = () => {
    throw new HoldfastError('ETAG_MISMATCH', 'no')
  }
  const settled = await Promise.allSettled([
    writer.submit(satisfy()),
    writer.submit(satisfy(refuse)),
    writer.submit(satisfy()),
  ])
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(commits).toHaveLength(1)
  expect(commits[0]!.changes).toHaveLength(2)
})

test('a command with a fault in it fails alone, too', async () => {
  const fail = () => {
    throw new TypeError('a fault')
  }
  const settled = await Promise.allSettled([
    writer.submit(satisfy()),
    writer.submit(satisfy(fail)),
    writer.submit(satisfy()),
  ])
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect((settled[1] as PromiseRejectedResult).reason).toBeInstanceOf(TypeError)
  expect(commits.flatMap(({ changes }) => changes)).toHaveLength(2)
})

test('when its connection is cut, those in the transaction hear so, and the next goes through', async () => {
  await writer.submit(satisfy())
  {
    await using _held = await holdingLedger(database.url)
    const cut = expect(writer.submit(satisfy())).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' })
    await sql(database.url, 'select pg_terminate_backend($1)', [await waitingWriter(database.url)])
    await cut
  }
  const revision = await writer.submit(satisfy())
  expect(commits.map(({ to }) => to)).toEqual([revision - 1n, revision])
})

test('L2 a database behind what was acknowledged begins a new epoch, whose revisions are beyond all that were lost', async () => {
  await writer.submit(satisfy())
  await writer.submit(satisfy())
  const { epoch, to } = commits.at(-1)!
  await sql(
    database.url,
    `with gone as (delete from change where revision = ${to}), commits as (delete from ledger_commit where revision = ${to})
     update ledger set head = ${to - 1n}`,
  )
  await expect(writer.submit(satisfy())).rejects.toMatchObject({ reason: 'STORE_UNAVAILABLE' })
  expect(await writer.submit(satisfy())).toBeGreaterThan(to)
  expect(commits.at(-1)!.epoch).toBe(epoch + 1n)
})

test('submitting waits while the queue is full, and ends with its signal or the writer', async () => {
  await writer.submit(satisfy())
  const small = await openWriter({ queueBytes: 1000 })
  await small.submit(satisfy())
  const outcomes: Promise<string>[] = []
  // Heard at once: the refused one ends while the rest still wait.
  const submit = (command: Command<bigint>, signal?: AbortSignal): unknown =>
    outcomes.push(
      small.submit(command, signal).then(
        () => 'done',
        ({ message }) => message,
      ),
    )
  const aborted = new AbortController()
  {
    await using _held = await holdingLedger(database.url)
    submit(satisfy())
    await waitingWriter(database.url)
    // The queue takes one that is larger than it; the next ones wait outside.
    submit(satisfy(undefined, 5000))
    submit(satisfy(), aborted.signal)
    submit(satisfy())
    aborted.abort(new Error('no longer wanted'))
  }
  expect(await Promise.all(outcomes)).toEqual(['done', 'done', 'no longer wanted', 'done'])
  await small.stop()
  await expect(small.submit(satisfy())).rejects.toMatchObject({ reason: 'SERVER_DRAINING' })
})

test('stopping finishes what waits', async () => {
  const submitted = [1, 2, 3].map(() => writer.submit(satisfy()))
  await writer.stop()
  await Promise.all(submitted)
  expect(commits.at(-1)!.changes.length).toBeGreaterThan(0)
})
