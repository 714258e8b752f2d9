import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Event } from '../../proto/gen/holdfast/v1/event.ts'
import { admin } from '../harness/database.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { deployed, report, started, stopped } from '../watch/reports.ts'
import { callsOf } from './calls.ts'

let server: TestServer
let calls: ReturnType<typeof callsOf>
beforeAll(async () => {
  server = await testServer()
  calls = callsOf(server)
})
afterAll(() => server[Symbol.asyncDispose]())

const at = (seconds: number) => ({
  seconds: BigInt(Math.floor(Date.now() / 1000)) + BigInt(seconds),
  nanos: 0,
})

test('as it was known at a time, what was recorded later is left out, and no page ends early for it', async () => {
  await report(server, [
    { ...deployed('known', '1', ['known-0', 'known-1']), occurredTime: at(-90) },
    { ...started('known-0', 'known', '1'), occurredTime: at(-80) },
  ])
  const before = (await calls.listTimeline({ filter: 'machine = known-0' })).entries
  await report(server, [
    { ...stopped('known-0', 'known'), occurredTime: at(-85) },
    { ...deployed('known', '2', ['known-0', 'known-1']), occurredTime: at(-86) },
    { ...deployed('known', '3', ['known-0', 'known-1']), occurredTime: at(-87) },
  ])
  const readTime = before[0]!.recordedTime
  const first = await calls.listTimeline({ filter: 'machine = known-0', readTime, pageSize: 1 })
  const pageToken = first.nextPageToken
  const second = await calls.listTimeline({ filter: 'machine = known-0', readTime, pageSize: 1, pageToken })
  const known = [...first.entries, ...second.entries].map(({ event }) => event?.id)
  expect(known).toEqual(before.map(({ event }) => event?.id))
  expect((await calls.listTimeline({ filter: 'machine = known-0' })).entries).toHaveLength(5)
})

test('as it was known at a revision: nothing of a later one, also of the same commit, and no page ends early', async () => {
  const filter = 'machine = then-0'
  const note = () =>
    Event.fromPartial({
      id: randomUUID(),
      occurredTime: at(-1),
      payload: { $case: 'noteRecorded', value: { machine: { id: 'then-0' }, text: 'hear' } },
    })
  await report(server, [started('then-0', 'one', '1'), started('then-0', 'two', '1'), note()])
  const { entries } = await calls.listTimeline({ filter })
  await report(server, [note(), started('then-0', 'one', '2')])
  const idsAt = async (revision: bigint) => {
    const pages: { ids: (string | undefined)[]; revision: bigint }[] = []
    for (let pageToken = ''; pages.length === 0 || pageToken !== ''; ) {
      const page = await calls.listTimeline({ filter, revision, pageSize: 1, pageToken })
      pages.push({ ids: page.entries.map(({ event }) => event?.id), revision: page.revision })
      pageToken = page.nextPageToken
    }
    expect(pages.every((page) => page.revision === revision)).toBe(true)
    return pages.flatMap(({ ids }) => ids)
  }
  const revisions = entries.map(({ revision }) => revision).filter((revision) => revision > 0n)
  expect(revisions.length).toBeGreaterThanOrEqual(2)
  for (const revision of revisions) {
    const known = entries.filter((entry) => entry.revision <= revision)
    expect(await idsAt(revision)).toEqual(known.map(({ event }) => event?.id))
  }
  const whole = await calls.listTimeline({ filter })
  expect(whole.entries).toHaveLength(5)
  expect(whole.revision).toBe(
    whole.entries.reduce((most, { revision }) => (revision > most ? revision : most), 0n),
  )
})

test('a timeline is read before the first commit, after it, and as of a time before it, on one connection', async () => {
  await using own = await testServer()
  const { listTimeline } = callsOf(own)
  expect(await listTimeline({})).toMatchObject({ entries: [], revision: 0n })
  await report(own, [started('first-0', 'one', '1')])
  const past = { seconds: 1_600_000_000n, nanos: 0 }
  for (let n = 0; n < 20; n++) {
    expect(await listTimeline({})).toMatchObject({ entries: [{}], revision: 1n })
    expect(await listTimeline({ readTime: past })).toMatchObject({ entries: [], revision: 0n })
  }
})

test('W8 what was just acknowledged is on the timeline, also when the clock of the database was set back', async () => {
  await using own = await testServer()
  const { listTimeline } = callsOf(own)
  await admin("update ledger set last_time = last_time + interval '1 hour'", own.url)
  await report(own, [started('back-0', 'one', '1')])
  expect((await listTimeline({})).entries).toHaveLength(1)
})

test('a timeline as of a time before what is kept of the state is told, and says of no revision', async () => {
  await using own = await testServer()
  const { listTimeline } = callsOf(own)
  await report(own, [started('kept-0', 'one', '1')])
  const readTime = (await listTimeline({})).entries[0]!.recordedTime!
  await report(own, [started('kept-0', 'one', '2')])
  expect(await listTimeline({ readTime })).toMatchObject({ entries: [{}], revision: 1n })
  await admin('update ledger set compacted = head', own.url)
  expect(await listTimeline({ readTime })).toMatchObject({ entries: [{}], revision: 0n })
})
