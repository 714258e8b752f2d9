import pg from 'pg'
import pino from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { instantFromTimestamp, timestampFromInstant } from '../../server/src/domain/instant.ts'
import { readLedger } from '../../server/src/store/read-ledger.ts'
import { resolveReadPoint, resolveTimelinePoint } from '../../server/src/store/read-point.ts'
import { Store } from '../../server/src/store/store.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'
import { until } from '../harness/wait.ts'

let database: TestDatabase
let store: Store
beforeAll(async () => {
  database = await testDatabase()
  store = await Store.open({ url: database.url, log: pino({ level: 'silent' }) })
})
afterAll(async () => {
  await store.close()
  await database[Symbol.asyncDispose]()
})

const reasonOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'none',
    (error) => error.reason,
  )

/** A writer that holds the ledger's row and has taken its time, and does not commit until it is told. */
async function slowWriter(): Promise<{ commit: () => Promise<bigint> }> {
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  await client.query('begin')
  await client.query('select 1 from ledger where id = 1 for update')
  const { rows } = await client.query<{ now: string }>('select clock_timestamp()::text as now')
  return {
    async commit() {
      const moved = await client.query<{ head: string }>(
        'update ledger set head = head + 1, last_time = $1::timestamptz where id = 1 returning head',
        [rows[0]!.now],
      )
      const head = moved.rows[0]!.head
      await client.query('insert into ledger_commit values ($1, $2::timestamptz)', [head, rows[0]!.now])
      await client.query('commit')
      await client.end()
      return BigInt(head)
    },
  }
}

const now = async () => timestampFromInstant((await readLedger(store)).clock)

const waitsForLock = () =>
  until('a read that waits for the ledger', async () => {
    const rows = await store.query<{ waiting: number }>({
      text: `select 1 as waiting from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock' and query like '%key share%'`,
    })
    return rows.length > 0
  })

test('a read of a time waits for a writer that took its time before, and shows what it commits', async () => {
  const writer = await slowWriter()
  const readTime = await now()
  const read = resolveReadPoint(store, { readTime, revision: 0n })
  await waitsForLock()
  const committed = await writer.commit()
  expect(await read).toMatchObject({ revision: committed, now: false })
  // And once more, now that later writers have come and gone.
  await (await slowWriter()).commit()
  expect(await resolveReadPoint(store, { readTime, revision: 0n })).toMatchObject({ revision: committed })
})

test('a timeline as known at a time waits for that writer, too', async () => {
  const writer = await slowWriter()
  const readTime = await now()
  const read = resolveTimelinePoint(store, { readTime, revision: 0n })
  await waitsForLock()
  const revision = await writer.commit()
  expect(await read).toEqual({ recordedUntil: instantFromTimestamp(readTime), revision })
})

test('a read of now, and of a time long past, waits for nobody', async () => {
  await (await slowWriter()).commit()
  const writer = await slowWriter()
  const head = await resolveReadPoint(store, { readTime: undefined, revision: 0n })
  expect(head).toMatchObject({ revision: head.head, now: true })
  const long = await resolveReadPoint(store, {
    readTime: { seconds: 1_000_000_000n, nanos: 0 },
    revision: 0n,
  })
  expect(long.revision).toBe(0n)
  await writer.commit()
})

test('what is compacted is refused, by revision and by time', async () => {
  for (let i = 0; i < 3; i++) await (await slowWriter()).commit()
  const { head } = await readLedger(store)
  const commits = await store.query<{ revision: bigint; at: bigint }>({
    text: 'select revision, (extract(epoch from committed_at) * 1000000)::int8 as at from ledger_commit order by 1',
  })
  await store.query({ text: 'update ledger set compacted = head - 1' })
  const [before, kept] = commits.slice(-3) as [(typeof commits)[0], (typeof commits)[0]]
  const timeOf = ({ at }: { at: bigint }) => timestampFromInstant(at as never)

  expect(await reasonOf(resolveReadPoint(store, { readTime: undefined, revision: head - 2n }))).toBe(
    'REVISION_COMPACTED',
  )
  expect(await reasonOf(resolveReadPoint(store, { readTime: timeOf(before), revision: 0n }))).toBe(
    'REVISION_COMPACTED',
  )
  expect(await reasonOf(resolveReadPoint(store, { readTime: { seconds: 1n, nanos: 0 }, revision: 0n }))).toBe(
    'REVISION_COMPACTED',
  )
  expect(await resolveReadPoint(store, { readTime: timeOf(kept), revision: 0n })).toMatchObject({
    revision: kept.revision,
  })
  expect(await resolveReadPoint(store, { readTime: undefined, revision: head - 1n })).toMatchObject({
    revision: head - 1n,
  })
  expect(await reasonOf(resolveReadPoint(store, { readTime: timeOf(kept), revision: head }))).toBe(
    'INVALID_REQUEST',
  )
  expect(await reasonOf(resolveReadPoint(store, { readTime: undefined, revision: head + 1n }))).toBe(
    'REVISION_AHEAD',
  )
})
