import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../harness/server.ts'
import { ingest, startedAs } from '../ingest/ingest-call.ts'
import { sql } from '../watch/history.ts'
import { callsOf } from './calls.ts'

let server: TestServer

beforeAll(async () => {
  server = await testServer()
  await ingest(server, [startedAs('web-0', 'old')])
  await ingest(server, [startedAs('web-1', 'new')])
})
afterAll(() => server[Symbol.asyncDispose]())

/** The machines of the instances that changed last, newest first, over so many pages at the most. */
async function recent(filter: string, { most }: { most: number }): Promise<string[]> {
  const machines: string[] = []
  let pageToken = ''
  for (let pages = 0; pages < most; pages++) {
    const page = await callsOf(server).listInstances({ filter, orderBy: 'update_time desc', pageToken })
    machines.push(...page.instances.map(({ machine }) => machine))
    pageToken = page.nextPageToken
    if (pageToken === '') return machines
  }
  throw new Error(`there are more than ${most} pages`)
}

test('in a new epoch, before its first commit, what changed last is listed as ever', async () => {
  await sql(server.url, 'select begin_epoch()')
  expect(await recent('', { most: 1 })).toEqual(['machines/web-1', 'machines/web-0'])
})

test('the list of what changed last goes on past a moment at which more changed than one page looks at', async () => {
  await sql(
    server.url,
    `insert into change (revision, ordinal, kind, resource_id, committed_at, body)
     select c.revision, 1000 + i, c.kind, c.resource_id, c.committed_at, c.body from generate_series(1, 25000) i,
       (select * from change where kind = 4 order by revision desc limit 1) c`,
  )
  expect(await recent('running_version = "old"', { most: 4 })).toEqual(['machines/web-0'])
})
