import { Holdfast } from '@holdfast/sdk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../harness/server.ts'

let server: TestServer
let holdfast: Holdfast
beforeAll(async () => {
  server = await testServer()
  holdfast = await Holdfast.connect({ address: server.address })
})
afterAll(async () => {
  holdfast.close()
  await server[Symbol.asyncDispose]()
})

async function runWith(title: string, ...log: (string | Buffer)[]): Promise<void> {
  const run = await holdfast.startRun({ kind: 'task', title, service: 'airship' })
  for (const piece of log) {
    await run.log(piece)
    await run.flush()
  }
  await run.finish('succeeded')
}

const found = async (search: string, filter = ''): Promise<string[]> =>
  (await holdfast.listRuns({ search, filter, pageSize: 1 }).toArray()).map(({ title }) => title)

test('runs are found by all words of a search, in any piece of their log, newest first', async () => {
  await runWith('first', '\u001b[1mMigrating\u001b[0m 20110502_add_index\n', 'disk full\n')
  await runWith('second', 'migrating again\n', Buffer.from([0xff, 0xfe, 0x0a]))
  await runWith('third', 'nothing\n')
  expect(await found('migrating')).toEqual(['second', 'first'])
  expect(await found('MIGRATING full')).toEqual(['first'])
  expect(await found('migrat*')).toEqual(['second', 'first'])
  expect(await found('migrat')).toEqual([])
  expect(await found('20110502_add_index', 'service = airship AND state = SUCCEEDED')).toEqual(['first'])
  expect(await found("it's a:* 'quoted' & !odd | search")).toEqual([])
})

test('a log that goes on is found, and a search without words is refused', async () => {
  await using run = await holdfast.startRun({ kind: 'task', title: 'open' })
  await run.log('unmistakable\n')
  await run.flush()
  expect(await found('unmistakable')).toEqual(['open'])
  await expect(found('***')).rejects.toMatchObject({ reason: 'INVALID_REQUEST' })
  await expect(found('a b c d e f g h i')).rejects.toMatchObject({ reason: 'INVALID_REQUEST' })
})
