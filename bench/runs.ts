/**
 * Logs of runs and converges of Chef, as users send them: what 50 runs at once append and make durable a minute with
 * what memory, how far a follower is behind at 100 MB a minute, what the newest pages and searches take, and 20
 * converges of 100 kB a second.
 *
 * `--seconds N` is how long each part goes on; `--events N` how many runs, each with 50 kB of log, are there before
 * lists and searches are measured: 100,000 are 5 GB. `--part appends`, `lag`, `fill`, `searches` or `converges` does one
 * of them; with `--data DIR` the database is kept, so that `fill` can be done in several goes, and once.
 */
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { Holdfast } from '@holdfast/sdk'
import { startFixture } from './harness/fixture.ts'
import { residentBytes } from './harness/machine.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { latencies } from './harness/sample.ts'
import { appendAsFastAsPossible, appendPaced } from './runs/appends.ts'
import { sendConverges } from './runs/converges.ts'
import { followLag } from './runs/follow-lag.ts'
import { listings, timeListing } from './runs/searches.ts'
import { fillRuns, indexSizes } from './runs/stored-runs.ts'

const appenders = 50
const pacedMbPerMinute = 100
const convergesPerSecond = 20
const convergeBytes = 100_000

const options = benchOptions()
const seconds = options.seconds ?? (options.quick ? 3 : 20)
const stored = options.events ?? (options.quick ? 2_000 : 10_000)
const report = new Report('runs', options)
const directory = options.data === undefined ? undefined : resolve(options.data)
if (directory !== undefined) mkdirSync(directory, { recursive: true })
await using fixture = await startFixture(directory)
const { server } = fixture
await using holdfast = Holdfast.lazy({ address: server.address })

const parts = { appends, lag, fill, searches, converges }
const part = Object.entries(parts).find(([name]) => name === options.part)
if (options.part !== undefined && part === undefined) {
  throw new Error(`there is no part ${options.part}; there are ${Object.keys(parts).join(', ')}`)
}
for (const run of part === undefined ? Object.values(parts) : [part[1]]) await run()
report.save()

async function appends(): Promise<void> {
  const { bytes, tookMs, rssMb } = await appendAsFastAsPossible(holdfast, {
    ...{ appenders, seconds },
    rss: () => residentBytes(server.pid),
  })
  const mbPerMinute = bytes / 1e6 / (tookMs / 60_000)
  report.figure(`${appenders} runs append at once, as fast as they can`, [
    { mbPerMinute, sentMb: bytes / 1e6, rssBeforeMb: rssMb[0]!, rssHighestMb: Math.max(...rssMb) },
  ])
  console.log(`runs: RSS of the server, MB, after each tenth of it: ${rssMb.map(Math.round).join(' ')}`)
  report.verdict({ what: 'log a minute', value: mbPerMinute, unit: 'MB', atLeast: pacedMbPerMinute })
}

async function lag(): Promise<void> {
  const follower = await followLag(server.address)
  const { bytes, tookMs } = await appendPaced(holdfast, { appenders, seconds, mbPerMinute: pacedMbPerMinute })
  const { p99Ms, p50Ms } = latencies(await follower.stop())
  const mbPerMinute = bytes / 1e6 / (tookMs / 60_000)
  const client = await fixture.database.connect(fixture.databaseName)
  const { rows } = await client.query(
    'select coalesce(sum(bytes), 0)::float8 as waiting from run_log_unindexed',
  )
  await client.end()
  report.figure(
    `a follower of another run while ${pacedMbPerMinute} MB a minute come, from log() to the line`,
    [{ p99Ms, p50Ms, mbPerMinute, notYetSearchableMb: rows[0].waiting / 1e6 }],
  )
  report.verdict({ what: 'lag of a follower, p99', value: p99Ms, unit: 'ms', atMost: 100 })
}

async function fill(): Promise<void> {
  const client = await fixture.database.connect(fixture.databaseName)
  // With --part the time is limited, since it can be called again.
  const limit = options.part === 'fill' ? (options.seconds ?? 120) : Number.POSITIVE_INFINITY
  const done = await fillRuns(holdfast, client, { count: stored, seconds: limit })
  if (done)
    for (const [what, megabytes] of await indexSizes(client)) report.figure(what, [{ sizeMb: megabytes }])
  await client.end()
  console.log(done ? 'runs: all are there' : 'runs: not all are there yet; fill again')
}

async function searches(): Promise<void> {
  const what = `of ${stored.toLocaleString('en')} runs with ${(stored * 50) / 1000} MB of log`
  for (const listing of listings(stored)) {
    await timeListing(holdfast, listing, 3)
    const { p50Ms, p99Ms, rows } = await timeListing(holdfast, listing, turnsOf(listing.atMostMs))
    report.figure(`${listing.what}, ${what}`, [{ p99Ms, p50Ms, rows }])
    report.verdict({ what: `${listing.what}, p99`, value: p99Ms, unit: 'ms', atMost: listing.atMostMs })
  }
}

/** Searches are slower and steadier. */
function turnsOf(atMostMs: number): number {
  if (options.quick) return 20
  return atMostMs > 20 ? 40 : 200
}

async function converges(): Promise<void> {
  const perSecond = convergesPerSecond
  const countKept = async () =>
    (await holdfast.listRuns({ filter: 'kind = CONVERGE AND state = SUCCEEDED', pageSize: 250 }).toArray())
      .length
  const before = await countKept()
  const sent = await sendConverges(server.httpUrl, { perSecond, seconds, bytes: convergeBytes })
  const late = latencies(sent.lateMs)
  const { p50Ms, p99Ms } = latencies(sent.latenciesMs)
  const answered = sent.latenciesMs.length / sent.seconds
  const lost = sent.lateMs.length - ((await countKept()) - before)
  report.figure(`converges of ${convergeBytes / 1000} kB, ${perSecond} asked for a second`, [
    { perSecond: answered, p99Ms, p50Ms, sentLateP99Ms: late.p99Ms, sent: sent.lateMs.length, lost },
  ])
  // What was asked for is kept when the last one is answered no later than one is wont to be after it was due.
  report.verdict({ what: 'converges answered', value: answered, unit: '/s', atLeast: perSecond * 0.98 })
  report.verdict({
    what: 'a converge, from when it was due, p99',
    value: latencies(sent.sinceDueMs).p99Ms,
    unit: 'ms',
    atMost: 1000,
  })
  report.verdict({ what: 'converges lost', value: lost, unit: '×', atMost: 0 })
}
