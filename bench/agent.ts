/**
 * How modest `holdfast agent` is: its CPU and memory on a machine of 300 processes at least, with its own intervals (a
 * heartbeat every 30 s, a look at the processes every 2 min), against a server. Measured from 20 s after its start, for
 * two minutes or `--seconds`: one look is in it at least. Its start is told apart: it reads what there is once.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startChild } from './harness/child.ts'
import { startFixture } from './harness/fixture.ts'
import { processStat, residentBytes } from './harness/machine.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { holdfastCommand } from './harness/server-process.ts'

const settleMs = 20_000
const options = benchOptions()
const report = new Report('agent', options)
const measureMs = 1_000 * (options.seconds ?? (options.quick ? 30 : 120))

await using stack = new AsyncDisposableStack()
const fixture = stack.use(await startFixture())
const others = Array.from({ length: 300 - Math.min(300, processCount()) }, () =>
  spawn('sleep', ['1d'], { stdio: 'ignore' }),
)
stack.defer(() => {
  for (const other of others) other.kill()
})

const agent = stack.use(
  await startChild(holdfastCommand, ['agent', '--no-cloud'], {
    ready: /^reporting /m,
    env: { HOLDFAST_ADDRESS: fixture.server.address, HOLDFAST_DATA_DIR: join(fixture.directory, 'agent') },
  }),
)
await pause(settleMs)
const start = processStat(agent.pid)
await pause(measureMs)
const end = processStat(agent.pid)
const percent = (100 * (end.cpuSeconds - start.cpuSeconds)) / (measureMs / 1000)
const rssMb = residentBytes(agent.pid) / 1e6
report.figure('holdfast agent, the first 20 s', [{ cpuMs: 1_000 * start.cpuSeconds }])
report.figure('holdfast agent, idle', [{ percentOfACore: percent, rssMb, processes: processCount() }])
report.verdict({ what: 'CPU when idle', value: percent, unit: '% of a core', atMost: 1 })
report.verdict({ what: 'memory when idle', value: rssMb, unit: 'MB', atMost: 80 })
report.save()

function processCount(): number {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length
}
