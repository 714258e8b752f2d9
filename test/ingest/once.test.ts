import pg from 'pg'
import { expect, test } from 'vitest'
import type { Event } from '../../proto/gen/holdfast/v1/event.ts'
import type { BatchOutcome } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { IngestCall, ingest, noted, now, startedAs } from './ingest-call.ts'

failOnLeaks()

const COUNT = 300

/** Starts and notes, numbered from 1. */
const events = (): Event[] =>
  Array.from({ length: COUNT }, (_, i) => {
    const options = { seq: i + 1, at: now(i - COUNT) }
    return i % 2 === 0 ? startedAs(`web-${i % 10}`, `v${i}`, options) : noted(`n${i}`, options)
  })

const parts = (all: Event[], size: number): Event[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))

const accepted = (outcomes: BatchOutcome[]): number => outcomes.reduce((sum, one) => sum + one.accepted, 0)
const duplicates = (outcomes: BatchOutcome[]): number =>
  outcomes.reduce((sum, one) => sum + one.duplicates, 0)

/** How many events are stored, and how many different ones. */
async function stored(url: string): Promise<{ rows: number; ids: number; revisions: number }> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query(
      `select count(*)::int as rows, count(distinct (source_id, id))::int as ids, count(distinct revision)::int as revisions from event`,
    )
    return rows[0]
  } finally {
    await client.end()
  }
}

test('I2 the same event by two paths counts once: two streams and single batches, at two servers on one database', async () => {
  await using one = await testServer()
  await using two = await testServer({ databaseUrl: one.url })
  const all = events()
  using first = new IngestCall(one)
  using second = new IngestCall(two)
  for (const part of parts(all, 7)) first.send(part)
  for (const part of parts(all, 11)) second.send(part)
  const single = parts(all, 50).flatMap((part) => [ingest(one, part), ingest(two, part)])
  const outcomes = [...(await first.finished()), ...(await second.finished()), ...(await Promise.all(single))]
  expect(outcomes.flatMap(({ refused }) => refused)).toEqual([])
  expect(accepted(outcomes)).toBe(COUNT)
  expect(duplicates(outcomes)).toBe(3 * COUNT)
  expect(await stored(one.url)).toEqual({ rows: COUNT, ids: COUNT, revisions: COUNT / 2 })
})

test('I2 the same event by two paths counts once: also backwards, without numbers, and after a restart', async () => {
  await using database = await testServer()
  const all = events()
  {
    await using server = await testServer({ databaseUrl: database.url })
    using call = new IngestCall(server)
    for (const part of parts(all, 30).reverse()) call.send(part)
    expect(accepted(await call.finished())).toBe(COUNT)
  }
  await using server = await testServer({ databaseUrl: database.url })
  const unnumbered = all.map((event) => ({ ...event, seq: 0n, id: event.id.toUpperCase() }))
  for (const again of [all, unnumbered, all]) {
    expect(await ingest(server, again)).toMatchObject({ accepted: 0, duplicates: COUNT, refused: [] })
  }
  expect(await ingest(server, all.slice(0, 3), { source: 'other' })).toMatchObject({ accepted: 3 })
  expect(await stored(server.url)).toMatchObject({ rows: COUNT + 3, ids: COUNT + 3 })
})

test('I2 one event many times in one batch counts once', async () => {
  await using server = await testServer()
  const event = noted('again', { seq: 1 })
  expect(
    await ingest(
      server,
      Array.from({ length: 50 }, () => event),
    ),
  ).toMatchObject({
    accepted: 1,
    duplicates: 49,
    refused: [],
  })
})
