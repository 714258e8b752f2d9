/**
 * How late locks are, which nobody publishes: from a release to the next grant, from the expiry of a lease to the next
 * grant, and from the loss of a lock to the abort of its holder's signal, when the server is killed with kill -9, when
 * the network drops everything and tells nobody, and when the holder is stopped with SIGSTOP and goes on.
 *
 * All through the SDK, but for the leases that expire: the SDK would beat them. A lock whose server is gone is lost at
 * the holder's own deadline, which is before the server's: the TTL after the last heartbeat that was acknowledged was
 * sent, less a margin (here 500 ms of 2 s). `late` is from that deadline to the abort.
 */
import { join } from 'node:path'
import { tcpProxy } from '../test/harness/tcp-proxy.ts'
import { startDatabase } from './harness/database.ts'
import { benchOptions } from './harness/options.ts'
import { type Figures, Report } from './harness/report.ts'
import { latencies } from './harness/sample.ts'
import { scratchDirectory } from './harness/scratch.ts'
import { startServer } from './harness/server-process.ts'
import { expiryToGrant, releaseToGrant } from './lateness/grants.ts'
import { type Losses, loseLocks } from './lateness/losses.ts'
import { stopsToAbort } from './lateness/stops.ts'

const ttlMs = 2000

const options = benchOptions()
const programs = options.quick ? 5 : 10
const rounds = options.quick ? 1 : 5
const report = new Report('lock-lateness', options)
await using stack = new AsyncDisposableStack()
const directory = stack.use(await scratchDirectory()).path
const database = stack.use(await startDatabase(directory))
const databaseUrl = await database.ensure('holdfast')
const start = () => startServer({ databaseUrl, dataDir: join(directory, 'data') })

{
  await using server = await start()
  const { address } = server
  const times = options.quick ? 100 : 1000
  report.figure('release → next grant, between two programs', [
    latencies(await releaseToGrant(address, times)),
  ])
  const leases = options.quick ? 40 : 200
  report.figure('expiry of a lease → next grant', [latencies(await expiryToGrant(address, leases))])
  const stops: number[] = []
  for (let round = 0; round < rounds; round++) stops.push(...(await stopsToAbort(address, programs, ttlMs)))
  report.figure('SIGSTOP of the holder for twice the TTL, SIGCONT → signal aborted', [latencies(stops)])
}
report.figure('kill -9 of the server → signal aborted, TTL 2 s', [figuresOf(await each(killed))])
report.figure('network drops everything → signal aborted, TTL 2 s', [figuresOf(await each(cutOff))])
report.save()

async function each(round: () => Promise<Losses>): Promise<Losses[]> {
  const losses: Losses[] = []
  for (let turn = 0; turn < rounds; turn++) losses.push(await round())
  return losses
}

async function killed(): Promise<Losses> {
  await using server = await start()
  return await loseLocks(server.address, { programs, ttlMs, strike: () => server.kill() })
}

async function cutOff(): Promise<Losses> {
  await using server = await start()
  await using proxy = await tcpProxy(server.address)
  return await loseLocks(proxy.address, { programs, ttlMs, strike: async () => proxy.drop() })
}

function figuresOf(losses: Losses[]): Figures {
  const { p50Ms, p99Ms } = latencies(losses.flatMap(({ lossMs }) => lossMs))
  const late = latencies(losses.flatMap(({ lateMs }) => lateMs))
  return { p50Ms, p99Ms, lateP50Ms: late.p50Ms, lateP99Ms: late.p99Ms }
}
