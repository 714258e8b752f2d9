/**
 * How long a person waits: `npm start` on a data directory that exists, until it says that it listens; and how long a
 * start script does: one `holdfast started …`, from spawn to exit, handed over to an agent, sent to a server that runs
 * without an agent between, and only kept, without any. Node's own start is part of each.
 */
import { join } from 'node:path'
import { runToEnd, startChild } from './harness/child.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { latencies, quantile } from './harness/sample.ts'
import { scratchDirectory } from './harness/scratch.ts'
import { holdfastCommand, repository, serverEnvironment } from './harness/server-process.ts'

const options = benchOptions()
const report = new Report('startup', options)
await using scratch = await scratchDirectory()
const env = serverEnvironment(undefined, join(scratch.path, 'data'))

const start = () =>
  startChild('npm', ['start'], { ready: /(?:listening on|ready at) (\S+:\d+)/, cwd: repository, env })
const first = await start()
await first.stop()
report.figure('npm start, new data directory', [{ readyMs: first.readyMs }])

const runs = Math.max(options.runs, options.quick ? 1 : 5)
const ready = await report.measure('npm start, existing data directory', runs, async () => {
  await using server = await start()
  return { readyMs: server.readyMs }
})
report.verdict({ what: 'npm start until it listens', value: ready.readyMs!, unit: 'ms', atMost: 2_000 })

await using server = await start()
const dataDirOf = (name: string) => join(scratch.path, name)
await using _agent = await startChild(holdfastCommand, ['agent', '--no-cloud'], {
  ready: /^reporting /m,
  env: { HOLDFAST_ADDRESS: server.answer, HOLDFAST_DATA_DIR: dataDirOf('agent') },
})
const ways = {
  'handed over to an agent': { HOLDFAST_ADDRESS: server.answer, HOLDFAST_DATA_DIR: dataDirOf('agent') },
  'sent to the server': { HOLDFAST_ADDRESS: server.answer, HOLDFAST_DATA_DIR: dataDirOf('direct') },
  'kept, no server': { HOLDFAST_ADDRESS: '127.0.0.1:1', HOLDFAST_DATA_DIR: dataDirOf('alone') },
}
const bareMs: number[] = []
const wallMs = new Map<string, number[]>(Object.keys(ways).map((way) => [way, []]))
for (let turn = 0; turn < (options.quick ? 5 : 40); turn++) {
  bareMs.push(await runToEnd(process.execPath, ['--eval', ''], {}))
  const args = ['started', 'offline-tasks', '--machine', 'worker-0', '--version', String(turn)]
  for (const [way, env] of Object.entries(ways)) {
    wallMs.get(way)!.push(await runToEnd(holdfastCommand, args, { env }))
  }
}
const figure = (samples: number[]) => ({ ...latencies(samples), p95Ms: quantile(samples, 0.95) })
report.figure('node, nothing to do', [figure(bareMs)])
for (const [way, samples] of wallMs) report.figure(`holdfast started, ${way}`, [figure(samples)])
for (const [way, samples] of wallMs) {
  const what = `holdfast started, ${way}, p95 of wall time`
  report.verdict({ what, value: quantile(samples, 0.95), unit: 'ms', atMost: 100 })
}
report.save()
