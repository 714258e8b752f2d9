/**
 * How long a person waits: `npm start` on a data directory that exists, until it says that it listens; and one
 * `holdfast started …`, from spawn to exit: with a server that runs, and without any.
 */
import { join } from 'node:path'
import { runToEnd, startChild } from './harness/child.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { latencies, median } from './harness/sample.ts'
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
const wallMs: number[] = []
const aloneMs: number[] = []
const bareMs: number[] = []
for (let turn = 0; turn < (options.quick ? 5 : 20); turn++) {
  const args = ['started', 'offline-tasks', '--machine', 'worker-0', '--version', String(turn)]
  const reportTo = (address: string, dataDir: string) =>
    runToEnd(holdfastCommand, args, {
      env: { HOLDFAST_ADDRESS: address, HOLDFAST_DATA_DIR: join(scratch.path, dataDir) },
    })
  wallMs.push(await reportTo(server.answer, 'spool'))
  aloneMs.push(await reportTo('127.0.0.1:1', 'alone'))
  bareMs.push(await runToEnd(process.execPath, ['--eval', ''], {}))
}
report.figure('node, nothing to do', [latencies(bareMs)])
report.figure('holdfast started', [latencies(wallMs)])
report.figure('holdfast started, no server', [latencies(aloneMs)])
report.verdict({ what: 'holdfast started, median wall time', value: median(wallMs), unit: 'ms', atMost: 150 })
report.verdict({
  what: 'holdfast started without a server, median wall time',
  value: median(aloneMs),
  unit: 'ms',
  atMost: 150,
})
report.save()
