/**
 * Logs of runs and converges of Chef, as users send them: what 50 runs at once append and make durable a minute, how
 * far a follower is behind at 100 MB a minute, what the newest page and a search take, and 20 converges of 100 kB a second.
 *
 * `--seconds N` is how long each part goes on; `--events N` how many runs, each with 50 kB of log, are there before
 * lists and searches are measured: 100,000 are 5 GB.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Holdfast } from '@holdfast/sdk'
import { startFixture } from './harness/fixture.ts'
import { residentBytes } from './harness/machine.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { closedLoop, latencies } from './harness/sample.ts'
import { sendConverges } from './runs/converges.ts'
import { followLag } from './runs/follow-lag.ts'
import { logText } from './runs/log-text.ts'

const appenders = 50
const pacedMbPerMinute = 100
const convergesPerSecond = 20
const convergeBytes = 100_000

const options = benchOptions()
const seconds = options.seconds ?? (options.quick ? 3 : 20)
const stored = options.events ?? (options.quick ? 500 : 10_000)
const report = new Report('runs', options)
await using fixture = await startFixture()
const { server } = fixture
await using holdfast = Holdfast.lazy({ address: server.address })

await appends()
await lists()
await converges()
report.save()

async function appends(): Promise<void> {
  const piece = logText(64 * 1024, 'w')
  const runs = await Promise.all(Array.from({ length: appenders }, () => holdfast.startRun({ kind: 'task' })))
  const before = residentBytes(server.pid)
  let highest = before
  let bytes = 0
  const append = async (worker: number) => {
    await runs[worker]!.log(piece)
    bytes += piece.length
    highest = Math.max(highest, residentBytes(server.pid))
  }
  const begin = performance.now()
  await closedLoop(append, { concurrency: appenders, seconds })
  await Promise.all(runs.map((run) => run.flush()))
  const mbPerMinute = bytes / 1e6 / ((performance.now() - begin) / 60_000)
  report.figure(`${appenders} runs append at once, as fast as they can`, [
    { mbPerMinute, rssBeforeMb: before / 1e6, rssHighestMb: highest / 1e6 },
  ])

  const follower = await followLag(server.address)
  const appends: Promise<void>[] = []
  const everyMs = (piece.length / 1e6 / pacedMbPerMinute) * 60_000
  const pacedBegin = performance.now()
  for (let turn = 0; turn * everyMs < seconds * 1000; turn++) {
    await pause(Math.max(0, pacedBegin + turn * everyMs - performance.now()))
    appends.push(append(turn % appenders))
  }
  await Promise.all(appends)
  const lag = latencies(await follower.stop())
  await Promise.all(runs.map((run) => run.finish('succeeded')))
  report.figure(
    `a follower of another run while ${pacedMbPerMinute} MB a minute come, from log() to the line`,
    [{ p99Ms: lag.p99Ms, p50Ms: lag.p50Ms }],
  )
  report.verdict({ what: 'log a minute', value: mbPerMinute, unit: 'MB', atLeast: pacedMbPerMinute })
  report.verdict({ what: 'lag of a follower, p99', value: lag.p99Ms, unit: 'ms', atMost: 100 })
}

async function lists(): Promise<void> {
  await closedLoop(
    async (worker, turn) => {
      const index = turn * 8 + worker
      if (index >= stored) return
      const run = await holdfast.startRun({ kind: 'deploy', service: `s${index % 50}`, version: `${index}` })
      await run.log(logText(50_000, `rare${index}`))
      await run.finish('succeeded')
    },
    { concurrency: 8, turns: Math.ceil(stored / 8) },
  )
  const client = await fixture.database.connect(fixture.databaseName)
  await client.query('vacuum analyze')
  await client.end()
  const ask = async (what: string, request: { filter?: string; search?: string }, atMost: number) => {
    const page = async () =>
      void (await holdfast
        .listRuns({ ...request, pageSize: 50 })
        .pages()
        .next())
    await page()
    const { latenciesMs } = await closedLoop(page, { turns: options.quick ? 20 : 100 })
    const { p50Ms, p99Ms } = latencies(latenciesMs)
    report.figure(`${what}, of ${stored.toLocaleString('en')} runs`, [{ p99Ms, p50Ms }])
    report.verdict({ what: `${what}, p99`, value: p99Ms, unit: 'ms', atMost })
  }
  await ask('the newest page of a service', { filter: 'service = s7' }, 20)
  await ask('the newest page of a state', { filter: 'state = SUCCEEDED' }, 20)
  await ask('a search of a rare word', { search: `rare${Math.floor(stored / 3)}` }, 300)
  await ask('a search of a common word', { search: 'migrating' }, 300)
}

async function converges(): Promise<void> {
  const perSecond = convergesPerSecond
  const sent = await sendConverges(server.httpUrl, { perSecond, seconds, bytes: convergeBytes })
  const { p50Ms, p99Ms } = latencies(sent.latenciesMs)
  const reached = sent.latenciesMs.length / sent.seconds
  report.figure(`converges of ${convergeBytes / 1000} kB, ${perSecond} sent a second`, [
    { perSecond: reached, p99Ms, p50Ms, rssMb: residentBytes(server.pid) / 1e6 },
  ])
  const kept = await holdfast.listRuns({ filter: 'kind = CONVERGE AND state = SUCCEEDED' }).toArray()
  if (kept.length !== sent.latenciesMs.length) {
    throw new Error(`${kept.length} converges are there, of ${sent.latenciesMs.length} sent`)
  }
  report.verdict({ what: 'converges, none lost', value: reached, unit: '/s', atLeast: perSecond * 0.98 })
}
