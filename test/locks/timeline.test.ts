import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ListTimelineResponse } from '../../proto/gen/holdfast/v1/state_service.ts'
import { at, report } from '../harness/reports.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { ingest, noted, now } from '../ingest/ingest-call.ts'
import { sql } from '../watch/history.ts'
import { LockClient, scope } from './lock-client.ts'

let server: TestServer

beforeAll(async () => {
  server = await testServer()
})
afterAll(() => server[Symbol.asyncDispose]())

const list = (request: { filter: string; pageSize: number; pageToken?: string }) =>
  (
    promisify(server.state.listTimeline.bind(server.state)) as (
      request: object,
    ) => Promise<ListTimelineResponse>
  )({
    ...{ pageToken: '', startTime: undefined, endTime: undefined, readTime: undefined, revision: 0n },
    ...request,
  })

/** Each entry as `method principal: field old->new, …`, newest first, page by page. */
async function timeline(filter: string, pageSize = 2): Promise<string[]> {
  const told: string[] = []
  let pageToken = ''
  do {
    const page = await list({ filter, pageSize, pageToken })
    for (const { event, fieldChanges } of page.entries) {
      if (event?.payload?.$case !== 'resourceAmended') continue
      const changes = fieldChanges
        .filter(({ field }) => field === 'state' || field === 'reason')
        .map(({ field, oldValue, newValue }) => `${field} ${oldValue}->${newValue}`)
      told.push(`${event.payload.value.method} ${changes.join(', ')}`)
    }
    pageToken = page.nextPageToken
  } while (pageToken !== '')
  return told
}

test('locks stand on the timeline of what they cover, each with what changed of it', async () => {
  using ann = await LockClient.open(server.locks, { owner: 'ann' })
  using bob = await LockClient.open(server.locks, { owner: 'bob' })
  const held = await ann.acquire('production/airship', { reason: 'deploy 1' })
  const waiting = bob.acquire('production/airship', {
    waitMs: 20_000,
    reason: 'deploy 2',
    onQueued: () => void ann.release(held),
  })
  const granted = await waiting
  await bob.release(granted)
  const expected = [
    'ReleaseLock state HELD->ENDED',
    'AcquireLock state WAITING->HELD',
    'ReleaseLock state HELD->ENDED',
    'AcquireLock state ->WAITING, reason ->deploy 2',
    'AcquireLock state ->HELD, reason ->deploy 1',
  ]
  expect(await timeline('service = airship')).toEqual(expected)
  expect(await timeline('service = airship', 100)).toEqual(expected)
  expect(await timeline('environment = production', 1)).toEqual(expected)
  expect(await timeline('service = other')).toEqual([])
  expect(await timeline('type = NOTE_RECORDED')).toEqual([])
})

test('holds and conditions stand on the timeline, also when a hold lifts itself', async () => {
  const { holds } = server
  const place = promisify(holds.placeHold.bind(holds)) as (request: object) => Promise<unknown>
  const satisfy = promisify(holds.satisfyCondition.bind(holds)) as (
    request: object,
  ) => Promise<{ lifted: unknown[] }>
  const none = { untilTime: undefined, when: '', allows: [], requestId: '' }
  await place({
    ...none,
    scope: scope('staging/ferry'),
    reason: 'needs it',
    untilCondition: 'migration:ferry/1',
  })
  const { lifted } = await satisfy({ condition: 'migration:ferry/1', reason: 'done' })
  expect(lifted).toHaveLength(1)
  expect(await timeline('environment = staging', 100)).toEqual([
    'LiftHold state STANDING->LIFTED',
    'PlaceHold state ->STANDING, reason ->needs it',
  ])
})

test('among ten thousands of changes of locks a page looks at so many, and what it has none of costs no page', async () => {
  const started = { machine: at('quiet-0'), service: 'quiet', version: '1' }
  await ingest(server, [report('instanceStarted', started, { at: now() }), noted('a note')])
  using ann = await LockClient.open(server.locks, { owner: 'ann' })
  await ann.release(await ann.acquire('production/busy'))
  await sql(
    server.url,
    `insert into change (revision, ordinal, kind, resource_id, committed_at, body)
     select c.revision, i, c.kind, c.resource_id, c.committed_at, c.body from generate_series(1, 12000) i,
       (select * from change where kind = 6 order by revision desc limit 1) c`,
  )
  const first = await list({ filter: 'service = quiet', pageSize: 10 })
  expect(first.entries).toEqual([])
  const second = await list({ filter: 'service = quiet', pageSize: 10, pageToken: first.nextPageToken })
  expect(second.entries.map(({ event }) => event!.payload!.$case)).toEqual(['instanceStarted'])
  expect(second.nextPageToken).toBe('')
  for (const filter of ['type = NOTE_RECORDED', 'type != RESOURCE_AMENDED', 'source = test']) {
    const { entries, nextPageToken } = await list({ filter, pageSize: 100 })
    expect(entries.length, filter).toBeGreaterThan(0)
    expect(nextPageToken, filter).toBe('')
  }
})
