import { randomBytes } from 'node:crypto'
import { Holdfast } from '@holdfast/sdk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { admin } from '../harness/database.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

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

type Log = (string | Buffer)[]

/** A run whose log comes in these appends, once it can be found. */
async function runWith(title: string, log: Log, client = holdfast): Promise<void> {
  const run = await client.startRun({ kind: 'task', title, service: 'airship' })
  for (const piece of [...log, `\nends:${title}`]) {
    await run.log(piece)
    await run.flush()
  }
  await run.finish('succeeded')
  await until(`${title} to be indexed`, async () => (await found(`ends ${title}`, '', client)).length > 0)
}

const found = async (search: string, filter = '', client = holdfast): Promise<string[]> =>
  (await client.listRuns({ search, filter, pageSize: 1 }).toArray()).map(({ title }) => title)

test('runs are found by all terms of a search, in any piece of their log, newest first', async () => {
  await runWith('first', ['\u001b[1mMigrating\u001b[0m 20110502_add_index\n', 'disk full\n'])
  await runWith('second', ['migrating again\n', Buffer.from([0xff, 0xfe, 0x0a])])
  await runWith('third', ['nothing\n'])
  expect(await found('migrating')).toEqual(['second', 'first'])
  expect(await found('MIGRATING full')).toEqual(['first'])
  expect(await found('migrat*')).toEqual(['second', 'first'])
  expect(await found('igrat*')).toEqual([])
  expect(await found('20110502_add_index', 'service = airship AND state = SUCCEEDED')).toEqual(['first'])
  expect(await found("it's a:* 'quoted' & !odd | search")).toEqual([])
})

test('a part of a word, an address, a path, an error code and other scripts are found', async () => {
  const path = '/srv/app/releases/42/config_file.yml'
  await runWith('parts', [`ORA-00942 at 0x7fff5a03\tin ${path}: größer als 日本語\n`])
  for (const search of ['0x7fff', 'app/releases/42', 'config_f', 'ora-009', 'RÖSS', '本語']) {
    expect({ search, found: await found(search) }).toEqual({
      search,
      found: search === 'RÖSS' ? [] : ['parts'],
    })
  }
  expect(await found('releases/4%config')).toEqual([])
  expect(await found('ora_00942')).toEqual([])
})

test('a word that two appends cut in two is found, also when they are indexed apart', async () => {
  await runWith('cut', ['unmis'])
  const run = await holdfast.startRun({ kind: 'task', title: 'goes on' })
  await run.log('before inter')
  await until('the first half to be found', async () => (await found('inter*')).includes('goes on'))
  await run.log('national\n')
  await until('the whole to be found', async () => (await found('international')).includes('goes on'))
  await run.finish('succeeded')
})

test('what is rare is found behind more runs than are looked through one by one', async () => {
  await runWith('old', ['buried_treasure and /opt/needle/77\n'])
  const insert = `insert into run (id, name, revision, create_revision, created_at, updated_at, started_at, ended_at, kind, state,
      service, version, environment, slot, author, title, parent, labels, body)
    select 1000000 + i, 'runs/' || i, 1, 1, now(), now(), now(), now(), 4, 2,
      '', '', 'production', 'main', '', 'bulk', '', '{}', '' from generate_series(1, 1500) i`
  await admin(insert, server.url)
  expect(await found('buried_treasure')).toEqual(['old'])
  expect(await found('needle/77 treasure ends')).toEqual(['old'])
  expect(await found('needle/77', 'service = other')).toEqual([])
  expect(await found('needle/78')).toEqual([])
  await admin(`delete from run where title = 'bulk'`, server.url)
})

test('a log that goes on is found, and a search without words is refused', async () => {
  await using run = await holdfast.startRun({ kind: 'task', title: 'open' })
  await run.log('unmistakable\n')
  await until('it to be found', async () => (await found('unmistakable')).includes('open'))
  for (const search of ['***', 'a b c d e f g h i', 'x'.repeat(300)]) {
    await expect(found(search)).rejects.toMatchObject({ reason: 'INVALID_REQUEST' })
  }
})

test('where the user may not create pg_trgm, the log says what to do, and whole words are found', async () => {
  const name = `limited_${randomBytes(6).toString('hex')}`
  await admin(`create database ${name}`)
  await admin(`create role ${name} login password 'limited'`)
  const url = new URL(server.url)
  url.pathname = `/${name}`
  try {
    await admin(`grant create on schema public to ${name}`, url.href)
    await using limited = await testServer({
      databaseUrl: Object.assign(new URL(url), { username: name, password: 'limited' }).href,
    })
    expect(limited.logged.map(({ msg }) => msg)).toContainEqual(
      expect.stringContaining('create extension pg_trgm'),
    )
    await using client = await Holdfast.connect({ address: limited.address })
    await runWith('limited', ['migrating ORA-00942\n'], client)
    expect(await found('migrating ora-00942', '', client)).toEqual(['limited'])
    expect(await found('migr', '', client)).toEqual([])
    expect(await found('migr*', '', client)).toEqual(['limited'])
  } finally {
    await admin(`drop database ${name} with (force)`)
    await admin(`drop role ${name}`)
  }
})
