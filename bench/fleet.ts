/**
 * A fleet of agents, 10,000 unless `--agents` says otherwise, against one server: a heartbeat every 30 s, a look at 300
 * processes every 2 min of which one in a hundred differs from the one before. After all are known the server's CPU and
 * memory are measured for two minutes (`--seconds`); then it is ended, and started again on its address 5 s later.
 *
 * Real are the connections, one an agent, the messages, and the times of the agents (agent/src/daemon/rounds.ts).
 * Simulated are the processes that are told of, and that all agents live in this process, without a spool. They share
 * the machine with the server, so its CPU is what the kernel counts for it and its database.
 */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { credentials, Metadata } from '@grpc/grpc-js'
import { Rounds } from '@holdfast/agent/rounds'
import { event, Holdfast, type OutgoingEvent, timestampFromDate } from '@holdfast/sdk'
import { IngestServiceClient } from '../proto/gen/holdfast/v1/ingest_service.ts'
import { startChild } from './harness/child.ts'
import { familyCpuSeconds } from './harness/cpu-time.ts'
import { startDatabase } from './harness/database.ts'
import { freePort } from './harness/free-port.ts'
import { openFilesLimit, processStat, residentBytes } from './harness/machine.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { median } from './harness/sample.ts'
import { scratchDirectory } from './harness/scratch.ts'
import { holdfastCommand, serverEnvironment } from './harness/server-process.ts'

const heartbeatMs = 30_000
const scanMs = 120_000
const changeShare = 0.01

const options = benchOptions()
const count = options.agents ?? (options.quick ? 500 : 10_000)
const measureMs = 1_000 * (options.seconds ?? (options.quick ? 30 : 120))
const report = new Report('fleet', options)

if (openFilesLimit() < count + 1_000) {
  throw new Error(
    `${count} connections need as many open files; say ulimit -n ${count + 1_000}, or --agents N`,
  )
}

await using stack = new AsyncDisposableStack()
const directory = stack.use(await scratchDirectory()).path
const database = stack.use(await startDatabase(directory))
const databaseUrl = await database.ensure('holdfast')
const env = {
  ...serverEnvironment(databaseUrl, join(directory, 'data')),
  HOLDFAST_ADDRESS: `127.0.0.1:${await freePort()}`,
}
const start = async () =>
  stack.use(
    await startChild(holdfastCommand, ['server'], { ready: /listening on (\S+)/, showsTrouble: true, env }),
  )
let server = await start()

const services = ['redis-server', 'nginx', 'postgres', 'sshd', 'cron', 'dockerd', 'containerd', 'haproxy']

/** Processes of a machine: eight that are services, and others. `turn` replaces one in a hundred of the others. */
const processes = (turn: number) =>
  Array.from({ length: 300 }, (_, i) => ({
    pid: i + 2 + (i >= 297 ? turn * 300 : 0),
    parentPid: 1,
    executableName: services[i] ?? `program-${i}`,
    executablePath: `/usr/bin/${services[i] ?? `program-${i}`}`,
    commandArgs: [`/usr/bin/${services[i] ?? `program-${i}`}`, '--some-option', '/etc/some/path.conf'],
    userName: 'root',
    listeningPorts: i < services.length ? [1000 + i] : [],
    createdAt: new Date(0),
  }))

class SimulatedAgent {
  readonly #client: IngestServiceClient
  readonly #machine: string
  readonly rounds = new Rounds(() => {})
  #turn = 0
  #sent = -1
  /** When a heartbeat was last acknowledged, by performance.now(). */
  heardAt = 0

  constructor(index: number) {
    this.#machine = `machine-${index}`
    // The SDK's clients of one process would share a connection.
    this.#client = new IngestServiceClient(env.HOLDFAST_ADDRESS, credentials.createInsecure(), {
      'grpc.use_local_subchannel_pool': 1,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 5_000,
      'grpc.enable_http_proxy': 0,
    })
  }

  begin(): void {
    this.rounds.begin('heartbeat', heartbeatMs, () => this.#beat())
    this.rounds.begin('processes', scanMs, () => this.#look())
  }

  async end(): Promise<void> {
    await this.rounds.stop()
    this.#client.close()
  }

  async #beat(): Promise<void> {
    const began = performance.now()
    await this.#send(event.machineHeartbeat(this.#machine, { intervalMs: heartbeatMs }))
    this.heardAt = performance.now()
    latenciesMs.push(this.heardAt - began)
    const second = Math.floor(this.heardAt / 1_000)
    heardIn.set(second, (heardIn.get(second) ?? 0) + 1)
  }

  async #look(): Promise<void> {
    if (Math.random() < changeShare) this.#turn++
    if (this.#sent === this.#turn) {
      await this.#send(event.machineHeartbeat(this.#machine, { processesUnchanged: true }))
      return
    }
    const turn = this.#turn
    await this.#send(event.processes(this.#machine, processes(turn), { intervalMs: scanMs }))
    this.#sent = turn
    scans++
  }

  #send({ payload }: OutgoingEvent): Promise<void> {
    const sent = { id: randomUUID(), seq: 0n, occurredTime: timestampFromDate(new Date()), payload }
    const batch = { source: `agent/${this.#machine}`, epoch: 1n, events: [sent] }
    const deadline = Date.now() + 20_000
    return new Promise((resolve, reject) => {
      this.#client.ingestBatch({ batch }, new Metadata(), { deadline }, (error) =>
        error === null ? resolve() : reject(error),
      )
    })
  }

  get known(): boolean {
    return this.heardAt > 0 && this.#sent >= 0
  }
}

let latenciesMs: number[] = []
let scans = 0
/** Heartbeats by the second in which they were answered. */
const heardIn = new Map<number, number>()
const agents = Array.from({ length: count }, (_, index) => new SimulatedAgent(index))
stack.defer(async () => void (await Promise.all(agents.map((agent) => agent.end()))))

const began = performance.now()
const enrolMs = options.quick ? 10_000 : scanMs
for (const [index, agent] of agents.entries()) setTimeout(() => agent.begin(), (index * enrolMs) / count)
while (agents.some((agent) => !agent.known)) await pause(250)
report.figure('all agents known, each with a first scan of 300 processes', [
  { seconds: (performance.now() - began) / 1000, agents: count },
])

const watcher = stack.adopt(
  Holdfast.lazy({ address: env.HOLDFAST_ADDRESS, source: 'bench/fleet' }),
  (client) => client.close(),
)
const silent = async () => (await watcher.listMachines({ filter: 'freshness = SILENT' }).toArray()).length
const late = async () => (await watcher.listMachines({ filter: 'freshness = LATE' }).toArray()).length

latenciesMs = []
scans = 0
const cpuBefore = cpuSeconds()
await pause(measureMs)
const cpu = cpuSeconds()
const seconds = measureMs / 1000
report.figure('heartbeats every 30 s, a scan every 2 min', [
  {
    perSecond: latenciesMs.length / seconds,
    p50Ms: median(latenciesMs),
    changedScans: scans,
    serverPercentOfACore: (100 * (cpu.server - cpuBefore.server)) / seconds,
    databasePercentOfACore: (100 * (cpu.database - cpuBefore.database)) / seconds,
    serverRssMb: residentBytes(server.pid) / 1e6,
    lateThen: await late(),
  },
])
const silentBefore = await silent()

await server.stop()
await pause(5_000)
server = await start()
const back = performance.now()
heardIn.clear()
while (agents.some(({ heardAt }) => heardAt < back) && performance.now() - back < 180_000) await pause(100)
const reconnected = (performance.now() - back) / 1000
const waiting = agents.filter(({ heardAt }) => heardAt < back).length
report.figure('the server ended, and started again 5 s later: until every agent was heard', [
  {
    seconds: reconnected,
    notHeard: waiting,
    mostInASecond: Math.max(...heardIn.values()),
    lateThen: await late(),
    silentThen: await silent(),
  },
])
report.verdict({
  what: 'machines shown as SILENT that are not',
  value: silentBefore + (await silent()),
  unit: 'machines',
  atMost: 0,
})
report.verdict({ what: 'until all agents are served again', value: reconnected, unit: 's', atMost: 60 })
report.save()

/** CPU seconds that the server, and the processes of its database, have used. */
function cpuSeconds(): { server: number; database: number } {
  return { server: processStat(server.pid).cpuSeconds, database: familyCpuSeconds(database.pid) }
}
