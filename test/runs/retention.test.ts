import { Holdfast } from '@holdfast/sdk'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { openStore, type Store } from '../../server/src/store/store.ts'
import { ChangeCompaction } from '../../server/src/sweep/change-compaction.ts'
import { RunRetention } from '../../server/src/sweep/run-retention.ts'
import { automate } from '../chef/messages.ts'
import { type TestServer, testServer } from '../harness/server.ts'

const log = pino({ level: 'silent' })
const YEAR_MS = 365 * 86_400_000
let server: TestServer
let store: Store
let holdfast: Holdfast
beforeAll(async () => {
  server = await testServer()
  store = await openStore({ url: server.url, log })
  holdfast = await Holdfast.connect({ address: server.address })
})
afterAll(async () => {
  holdfast.close()
  await store.close()
  await server[Symbol.asyncDispose]()
})

type End = 'succeeded' | 'failed' | undefined

async function run(title: string, machines: string[], end: End, service = 'airship'): Promise<string> {
  const options = { kind: 'deploy', service, version: '1', title, machines } as const
  const started = await holdfast.startRun(options)
  await started.log(`${title}\n`)
  await started.flush()
  if (end !== undefined) await started.finish(end)
  return title
}

const left = async (): Promise<string[]> =>
  (await holdfast.listRuns().toArray()).map(({ title }) => title).sort()

const step = (options: { retentionDays: number; maxRuns: number; now?: () => Date }) =>
  new RunRetention({ store, log, ...options }).step()

test('runs past their age or number go with their logs; the last success of every target stays, and what goes on', async () => {
  await run('first of both', ['web-0', 'web-1'], 'succeeded')
  await run('last of web-1', ['web-1', 'web-2'], 'succeeded')
  await run('last of web-0', ['web-0', 'web-2'], 'succeeded')
  await run('failed', ['web-0'], 'failed')
  await run('of another service', ['web-0'], 'succeeded', 'other')
  await run('goes on', ['web-0'], undefined)
  await run('no machine, before', [], 'succeeded')
  await run('no machine, last', [], 'succeeded')

  await step({ retentionDays: 400, maxRuns: 100 })
  expect(await left()).toHaveLength(8)
  await step({ retentionDays: 400, maxRuns: 7 })
  expect(await left()).toHaveLength(7)
  expect(await left()).not.toContain('first of both')
  await step({ retentionDays: 300, maxRuns: 100, now: () => new Date(Date.now() + YEAR_MS) })
  expect(await left()).toEqual(
    ['goes on', 'last of web-0', 'last of web-1', 'no machine, last', 'of another service'].sort(),
  )
  const { rows } = await store.pool.query('select count(distinct run_id) as logs from run_log_chunk')
  expect(Number(rows[0].logs)).toBe(5)
  const last = (await holdfast.getInstance('web-0~airship')).deploymentId
  expect((await holdfast.getRun(last)).title).toBe('last of web-0')
})

test('a server whose own clock is ten years fast deletes nothing that the database takes for new', async () => {
  const title = await run('of today', ['web-9'], 'failed')
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10 * YEAR_MS })
  try {
    await step({ retentionDays: 400, maxRuns: 100 })
  } finally {
    vi.useRealTimers()
  }
  expect(await left()).toContain(title)
})

test('a converge of years ago that is imported today stays as long as one of today', async () => {
  const { status } = await fetch(`${server.httpUrl}/chef/data-collector`, {
    method: 'POST',
    body: JSON.stringify(automate.failedConverge),
  })
  expect(status).toBeLessThan(300)
  const imported = () => holdfast.listRuns({ filter: 'end_time < "2018-01-01T00:00:00Z"' }).toArray()
  await step({ retentionDays: 1, maxRuns: 100_000 })
  expect(await imported()).toMatchObject([{ name: `runs/${automate.failedConverge.run_id}` }])
  await step({ retentionDays: 364, maxRuns: 100_000, now: () => new Date(Date.now() + YEAR_MS) })
  expect(await imported()).toEqual([])
})

test('more runs than one statement looks at are gone through to the end', async () => {
  const insert = `insert into run (id, name, revision, create_revision, created_at, updated_at, started_at, ended_at, kind, state,
      service, version, environment, slot, author, title, parent, labels, body)
    select -i, 'runs/' || i, 1, 1, '2020-01-01'::timestamptz, '2020-01-01', '2020-01-01', '2020-01-01', 4, 3,
      '', '', 'production', 'main', '', 'bulk', '', '{}', '' from generate_series(1, 1201) i`
  await store.pool.query(insert)
  await step({ retentionDays: 400, maxRuns: 100_000 })
  const { rows } = await store.pool.query(`select count(*) as left from run where title = 'bulk'`)
  expect(Number(rows[0].left)).toBe(0)
})

test('of a run that is gone no image stays in the history once that is past its retention', async () => {
  await step({ retentionDays: 400, maxRuns: 1 })
  await new ChangeCompaction({
    store,
    log,
    retentionDays: 1,
    now: () => new Date(Date.now() + YEAR_MS),
  }).step()
  const { rows } = await store.pool.query(
    `select count(*) as images from change c where c.kind = 8 and not exists (select from run r where r.id = c.resource_id)`,
  )
  expect(Number(rows[0].images)).toBe(0)
})
