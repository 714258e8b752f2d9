/**
 * Reads of a server with 10,000 machines, 200,000 instances and 5 million events, loaded through ingest. Every
 * kind of list at 50 and at 250 rows a page, which is the most, first pages and later ones; the version matrix of a
 * service; the timeline of a machine; reads as of a revision anywhere in the history since everything was there. One
 * call at a time from a client that is otherwise idle, leaves answers encoded, and collects its garbage between calls,
 * which 3 in 100 would wait for: the figures are the server's and the wire's.
 *
 * What makes one page in a hundred slow is V8 marking its heap meanwhile: see cli/bin/holdfast and store/wire-row.ts.
 * Tried in its place: a young generation of 2 or 4 MB, p99 as before.
 * Tried besides: shared buffers of 1 GB in place of 256 MB, PostgreSQL's CPU a page as before.
 *
 * Loading takes minutes: `--data DIR` keeps the database for the next run. `--quick` loads little.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Holdfast } from '@holdfast/sdk'
import { startFixture } from './harness/fixture.ts'
import { collectGarbage } from './harness/garbage.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { latencies } from './harness/sample.ts'
import { fillEstate, fullSize, quickSize } from './reads/estate.ts'
import { nextPageToken, RawClient } from './reads/raw-client.ts'
import { type Call, type Page, type ReadKind, readKinds } from './reads/read-kinds.ts'

const options = benchOptions()
const report = new Report('reads', options)
const size = options.quick ? quickSize : fullSize
const turns = options.quick ? 100 : 500
const directory = options.data === undefined ? undefined : resolve(options.data)
if (directory !== undefined) mkdirSync(directory, { recursive: true })
await using fixture = await startFixture(directory)
await using holdfast = Holdfast.lazy({ address: fixture.server.address })

const filled = directory === undefined ? undefined : join(directory, `filled-${size.events}`)
if (filled === undefined || !existsSync(filled)) {
  const begin = performance.now()
  await fillEstate(holdfast, size)
  report.figure(`filled through ingest: ${size.events.toLocaleString('en')} events`, [
    { perSecond: size.events / ((performance.now() - begin) / 1000) },
  ])
  const client = await fixture.database.connect(fixture.databaseName)
  // What autovacuum has done by the time a real server has this much.
  await client.query('vacuum analyze')
  await client.end()
  if (filled !== undefined) writeFileSync(filled, '')
}

const client = new RawClient(fixture.server.address)
const smallPage = 50
const largePage = 250
/** By the most rows of an answer. */
const p99s = new Map<number, { what: string; p99Ms: number }[]>([
  [smallPage, []],
  [largePage, []],
])
const declared = await holdfast.listServices().toArray()
const history = {
  // Declaring the services is the last thing before the notes and restarts.
  first: declared.map(({ revision }) => revision).reduce((a, b) => (b > a ? b : a)),
  last: (await holdfast.getServerInfo()).headRevision,
}
for (const kind of readKinds(size, history)) {
  if (kind.list === undefined) await time(kind.what, smallPage, kind.call)
  else for (const pageSize of p99s.keys()) await timePages(kind.what, kind.list, pageSize)
}
client.close()
for (const [rows, measured] of p99s) {
  const worst = measured.reduce((a, b) => (b.p99Ms > a.p99Ms ? b : a))
  const what = `highest p99 of ${rows === smallPage ? `single reads and pages of ${rows}` : `pages of ${rows}`}`
  report.verdict({ what: `${what} (${worst.what})`, value: worst.p99Ms, unit: 'ms', atMost: 20 })
}
report.save()

async function timePages(
  what: string,
  { withPage }: NonNullable<ReadKind['list']>,
  pageSize: number,
): Promise<void> {
  // Tokens of later pages of some listings. Each one belongs to its listing, and so is asked with its turn.
  const later: { turn: number; page: Page }[] = []
  for (let turn = 0; turn < 5; turn++) {
    let pageToken = ''
    for (let page = 0; page < 10; page++) {
      pageToken = nextPageToken(await client.ask(withPage(turn, { pageSize, pageToken })))
      if (pageToken === '') break
      later.push({ turn, page: { pageSize, pageToken } })
    }
  }
  const first = (turn: number) => withPage(turn, { pageSize, pageToken: '' })
  await time(`${what}, first page of ${pageSize}`, pageSize, first)
  if (later.length === 0) return
  await time(`${what}, later pages of ${pageSize}`, pageSize, (turn) => {
    const { turn: listing, page } = later[turn % later.length]!
    return withPage(listing, page)
  })
}

async function time(what: string, rows: number, call: (turn: number) => Call): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await client.ask(call(turns + turn))
  const samples: number[] = []
  let bytes = 0
  for (let turn = 0; turn < turns; turn++) {
    const ready = call(turn)
    collectGarbage()
    const start = performance.now()
    const answer = await client.ask(ready)
    samples.push(performance.now() - start)
    bytes += answer.length
  }
  const { p50Ms, p99Ms } = latencies(samples)
  report.figure(what, [{ p99Ms, p50Ms, meanBytes: Math.round(bytes / turns) }])
  p99s.get(rows)!.push({ what, p99Ms })
}
