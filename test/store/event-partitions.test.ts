import { randomUUID } from 'node:crypto'
import pg from 'pg'
import pino from 'pino'
import { expect, test } from 'vitest'
import { type Instant, instantFromDate } from '../../server/src/domain/instant.ts'
import { LoadKeys } from '../../server/src/domain/load-keys.ts'
import { loadBatch } from '../../server/src/store/load-batch.ts'
import { openStore, type Store } from '../../server/src/store/store.ts'
import { ChangeCompaction } from '../../server/src/sweep/change-compaction.ts'
import { EventUpkeep } from '../../server/src/sweep/event-upkeep.ts'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { at, report } from '../harness/reports.ts'
import { testServer } from '../harness/server.ts'
import { ingest, noted, now, reasonsOf, startedAs } from '../ingest/ingest-call.ts'
import { callsOf } from '../query/calls.ts'

failOnLeaks()

const log = pino({ level: 'silent' })
const DAY = 86_400_000

/** A store on a database of its own. */
async function testStore() {
  const database = await testDatabase()
  const store = await openStore({ url: database.url, log })
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

async function query<R extends pg.QueryResultRow>(url: string, text: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query<R>(text)).rows
  } finally {
    await client.end()
  }
}

async function months({ url }: { url: string }): Promise<string[]> {
  const rows = await query<{ name: string }>(
    url,
    `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'event'::regclass order by 1`,
  )
  return rows.map(({ name }) => name.slice('event_'.length))
}

/** So many days from now, and the month of that: of one look at the clock, for the next may be in another month. */
function inDays(days: number) {
  const date = new Date(Date.now() + days * DAY)
  return { time: instantFromDate(date), month: date.toISOString().slice(0, 7).replace('-', '_') }
}

const upkeep = (store: Store, time: string, retentionDays = 400) =>
  new EventUpkeep({ store, log, retentionDays, now: () => new Date(time) })

test('months are made ahead, across the end of a year, once', async () => {
  await using made = await testStore()
  const { store } = made
  const step = upkeep(store, '2027-11-30T23:59:59.999Z')
  await step.step()
  await step.step()
  expect(await months(store)).toEqual(['2027_11', '2027_12', '2028_01'])
  await upkeep(store, '2027-12-01T00:00:00Z').step()
  expect(await months(store)).toEqual(['2027_11', '2027_12', '2028_01', '2028_02'])
})

test('several servers look after the months of one database at once', async () => {
  await using made = await testStore()
  const { store } = made
  const others = await Promise.all([1, 2].map(() => openStore({ url: store.url, log })))
  await Promise.all([store, ...others].map((each) => upkeep(each, '2027-01-15T00:00:00Z').step()))
  expect(await months(store)).toEqual(['2027_01', '2027_02', '2027_03'])
  await Promise.all([store, ...others].map((each) => upkeep(each, '2029-01-15T00:00:00Z').step()))
  expect(await months(store)).toEqual(['2029_01', '2029_02', '2029_03'])
  await Promise.all(others.map((each) => each.close()))
})

test('months past the retention are dropped with what belongs to them, and the others stay', async () => {
  await using server = await testServer({ eventRetentionDays: 400 })
  const [old, late] = [inDays(-300), inDays(-1)]
  const deployed = ({ time }: { time: Instant }) =>
    report(
      'deploymentRecorded',
      { service: 'airship', version: '1', machines: [at('web-0'), at('web-1')], status: 2 },
      { at: time },
    )
  const labelled = (label: string, { time }: { time: Instant }) =>
    report('machineObserved', { machine: at('web-0'), labels: { [label]: 'x' } }, { at: time })
  await ingest(server, [deployed(old), deployed(late)])
  const store = await openStore({ url: server.url, log })
  const counts = async () =>
    (
      await query(
        server.url,
        'select (select count(*)::int from event) as events, (select count(*)::int from event_target) as targets',
      )
    )[0]
  expect(await counts()).toEqual({ events: 2, targets: 4 })
  await upkeep(store, new Date().toISOString(), 320).step()
  expect(await counts()).toEqual({ events: 2, targets: 4 })
  await upkeep(store, new Date().toISOString(), 200).step()
  expect(await counts()).toEqual({ events: 1, targets: 2 })
  expect(await months(store)).not.toContain(old.month)
  await ingest(server, [labelled('old', old), labelled('new', late)])
  await upkeep(store, new Date().toISOString(), 200).step()
  const timed = await query<{ key: string }>(server.url, 'select key from machine_label')
  expect(timed.map(({ key }) => key)).toEqual(['new'])
  const { machine } = await callsOf(server).getMachine({ name: 'machines/web-0' })
  expect(machine!.labels).toEqual({ old: 'x', new: 'x' })
  await store.close()
  const { instance } = await callsOf(server).getInstance({ name: 'instances/web-0~airship' })
  expect(instance!.deployedVersion).toBe('1')
})

test('batches of any number of sources are loaded by one statement, which is planned once', async () => {
  await using made = await testStore()
  const { partitions } = made.store
  await partitions.ensure(['2026-11'])
  const occurredAt = BigInt(Date.parse('2026-11-05T12:00:00Z')) * 1000n
  const statements = [1, 2, 30].map((sources) => {
    const keys = new LoadKeys()
    for (let i = 0; i < sources; i++)
      keys.events.push({ source: `agent/web-${i}`, id: randomUUID(), occurredAt, retentionDays: 400 })
    return loadBatch(keys, { partitions }).name
  })
  expect(new Set(statements).size).toBe(1)
})

test('a late event goes to its month, and is found there again', async () => {
  await using database = await testServer()
  const { time, month } = inDays(-200)
  const late = noted('late', { seq: 1, at: time })
  expect(await ingest(database, [late, noted('new', { seq: 2 })])).toMatchObject({ accepted: 2 })
  expect(await months(database)).toContain(month)
  expect(await ingest(database, [late])).toMatchObject({ accepted: 0, duplicates: 1 })
  await using other = await testServer({ databaseUrl: database.url })
  expect(await ingest(other, [late])).toMatchObject({ accepted: 0, duplicates: 1, refused: [] })
})

test('an event of 20 years ago lands where events are kept for longer', async () => {
  await using server = await testServer({ eventRetentionDays: 36_500 })
  const old = [noted('old', { at: now(-20 * 365 * DAY) }), noted('new')]
  expect(await ingest(server, old)).toMatchObject({ accepted: 2, refused: [] })
})

test('events that are refused for their time make no months', async () => {
  await using server = await testServer()
  const years = Array.from({ length: 12 }, (_, i) => noted('x', { at: now(-(i + 2) * 365 * DAY) }))
  const outcome = await ingest(server, [...years, noted('x', { at: now(300 * DAY) })])
  expect(Object.values(reasonsOf(outcome))).toEqual([...years.map(() => 'EVENT_TOO_OLD'), 'EVENT_IN_FUTURE'])
  // The server itself makes this month and the next two, at some moment of its first ten seconds.
  const [first, last] = [inDays(-31).month, inDays(93).month]
  expect((await months(server)).filter((month) => month < first || month > last)).toEqual([])
})

test('a month that another server dropped is made again for the events that still belong to it', async () => {
  await using server = await testServer()
  const { time, month } = inDays(-200)
  const old = () => noted('x', { at: time })
  await ingest(server, [old()])
  await query(server.url, `drop table event_${month}`)
  const sends = [ingest(server, [old(), noted('new')]), ingest(server, [noted('new')], { source: 'other' })]
  expect(await Promise.all(sends)).toMatchObject([{ accepted: 2 }, { accepted: 1 }])
})

test('the first call to a new server may be one that declares a service', async () => {
  await using server = await testServer()
  const { service } = await callsOf(server).declareService({ name: 'services/airship', kind: 'web' })
  expect(service).toMatchObject({ name: 'services/airship', kind: 'web' })
})

test('history past its retention is compacted: what stands later can be read, what stood before says so', async () => {
  await using server = await testServer()
  const { getInstance } = callsOf(server)
  const name = 'instances/web-0~airship'
  const revisions: bigint[] = []
  for (let i = 1; i <= 5; i++) {
    const { revision } = await ingest(server, [startedAs('web-0', `v${i}`), startedAs(`web-${i}`, 'v1')])
    revisions.push(revision)
  }
  const [{ third }] = (await query<{ third: Date }>(
    server.url,
    `select committed_at + interval '1 microsecond' as third from ledger_commit where revision = ${revisions[2]}`,
  )) as [{ third: Date }]
  const store = await openStore({ url: server.url, log })
  // A Date has milliseconds: one later than the third commit, and before the fourth or with it.
  const compaction = new ChangeCompaction({
    store,
    log,
    retentionDays: 1,
    now: () => new Date(third.getTime() + DAY + 1),
  })
  await compaction.step()
  await compaction.step()
  await store.close()
  const [ledger] = await query<{ compacted: string }>(server.url, 'select compacted from ledger')
  expect(BigInt(ledger!.compacted)).toBeGreaterThanOrEqual(revisions[2]!)
  for (const [i, revision] of revisions.entries()) {
    const read = getInstance({ name, revision })
    if (revision < BigInt(ledger!.compacted)) await expect(read).rejects.toThrow(/no longer kept/)
    else expect((await read).instance!.runningVersion).toBe(`v${i + 1}`)
  }
  const later = { name: 'instances/web-1~airship', revision: revisions[4]! }
  const { instance } = await getInstance(later)
  expect(instance!.runningVersion).toBe('v1')
})
