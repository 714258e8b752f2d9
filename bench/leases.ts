/**
 * Leases kept by heartbeats: 10,000 with a TTL of 10 s, each beaten every third of it and at a time of its own, for
 * 5 minutes unless `--seconds` says otherwise. Whoever holds locks has one lease a process; here a hundred connections
 * stand for 10,000 processes, a hundred leases and one KeepAlive stream each, every beat a message of its own as the
 * SDK sends it. None may be lost. Then the most beats a second that all are durable when they are answered: the same
 * leases, first one beat a message, then a hundred.
 *
 * The clients share the machine, so the server's CPU is what the kernel counts for it, and its database's apart.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { familyCpuSeconds } from './harness/cpu-time.ts'
import { startFixture } from './harness/fixture.ts'
import { processStat } from './harness/machine.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { closedLoop, latencies } from './harness/sample.ts'
import { LeaseClient } from './leases/lease-client.ts'

const connections = 100
const leasesEach = 100
const ttlMs = 10_000

const options = benchOptions()
const seconds = options.seconds ?? (options.quick ? 30 : 300)
const report = new Report('leases', options)
await using fixture = await startFixture()
const { server, database } = fixture
const clients = Array.from({ length: connections }, () => new LeaseClient(server.address))

const latenciesMs: number[] = []

const keeping = new AbortController()
const kept = Promise.all(clients.map((client, at) => keep(client, at / connections)))
await Promise.all(
  clients.map(async (client) => {
    for (let lease = 0; lease < leasesEach; lease++) await client.open(ttlMs)
  }),
)
await rounds(1)
latenciesMs.length = 0
const before = { server: processStat(server.pid).cpuSeconds, database: familyCpuSeconds(database.pid) }
const began = performance.now()
await pause(seconds * 1000)
const took = (performance.now() - began) / 1000
const percent = (used: number): number => (100 * used) / took
const serverPercentOfACore = percent(processStat(server.pid).cpuSeconds - before.server)
report.figure(
  `10,000 leases of 10 s beaten every third of it, a beat a message, ${connections} connections`,
  [
    {
      perSecond: latenciesMs.length / took,
      ...latencies(latenciesMs),
      serverPercentOfACore,
      databasePercentOfACore: percent(familyCpuSeconds(database.pid) - before.database),
      seconds: took,
    },
  ],
)
await rounds(1)
keeping.abort()
await kept
report.verdict({
  what: 'lost in that time',
  value: clients.reduce((sum, { lost }) => sum + lost.size, 0),
  unit: 'leases',
  atMost: 0,
})
report.verdict({
  what: "the server's CPU for 10,000 leases",
  value: serverPercentOfACore,
  unit: '% of a core',
  atMost: 25,
})

const burstSeconds = options.quick ? 2 : 5
for (const beats of [1, leasesEach]) {
  const inFlight = beats === 1 ? 16 : 1
  const what = `beats, all durable when answered, ${beats} a message, ${connections * inFlight} messages in flight`
  await report.measure(what, options.runs, async () => {
    const { perSecond, latenciesMs } = await closedLoop(
      async (worker, turn) => {
        const client = clients[worker % connections]!
        // The messages of a connection that are under way at once beat different leases.
        const from = (Math.floor(worker / connections) + turn * inFlight) % leasesEach
        await client.beat(beats === 1 ? from : 0, beats)
      },
      { concurrency: connections * inFlight, seconds: burstSeconds },
    )
    return { perSecond: perSecond * beats, ...latencies(latenciesMs) }
  })
}
for (const client of clients) client.close()
report.save()

/** Beats each lease of a client every third of the TTL, those that are open, one after the other. */
async function keep(client: LeaseClient, phase: number): Promise<void> {
  const { signal } = keeping
  const everyMs = ttlMs / 3 / leasesEach
  const start = performance.now() + phase * everyMs
  const answers: Promise<void>[] = []
  for (let turn = 0; !signal.aborted; turn++) {
    const dueMs = start + turn * everyMs - performance.now()
    if (dueMs > 0) await pause(dueMs, undefined, { signal }).catch(() => {})
    const sent = performance.now()
    const answer = client.beat(turn % leasesEach, 1).then(() => {
      latenciesMs.push(performance.now() - sent)
    })
    answers[turn % leasesEach] = answer
  }
  await Promise.all(answers)
}

/** Waits until every lease was beaten so many times. */
async function rounds(count: number): Promise<void> {
  await pause((count * ttlMs) / 3)
}
