/**
 * Locks, beside etcd's lock service and Redis's documented lock in the same run. Holdfast is measured through its SDK,
 * all that it promises included; etcd through the same Node library for gRPC, with leases that stand: one connection
 * each, every write on disk before its answer. The sides take turns, and those that do not have their turn are idle.
 *
 * A cycle acquires a free lock and releases it, 1, 64 and 256 at a time; then 32 workers want one lock. Both again for
 * two new servers in turns, at one of which 10,000 locks and 1,000 holds stand: so their tables are of one age.
 */
import { startFixture } from './harness/fixture.ts'
import { cycle, type LockSide } from './harness/lock-side.ts'
import { benchOptions } from './harness/options.ts'
import { type Figures, Report } from './harness/report.ts'
import { closedLoop, latencies } from './harness/sample.ts'
import { etcdLocks } from './peers/etcd-locks.ts'
import { startEtcdServer } from './peers/etcd-server.ts'
import { HoldfastLocks } from './peers/holdfast-locks.ts'
import { startRedisLocks } from './peers/redis-locks.ts'

const options = benchOptions()
const report = new Report('locks', options)
const seconds = options.quick ? 2 : 4
await using fixture = await startFixture()
await using etcdServer = await startEtcdServer(fixture.directory)
await using etcd = etcdLocks(etcdServer.address)
await using redis = await startRedisLocks(fixture.directory)
await using holdfast = new HoldfastLocks(fixture.server.address, 'Holdfast (its SDK, on @grpc/grpc-js)')

const cycles = (side: LockSide, concurrency: number) => () => {
  const operation = (worker: number, turn: number) => cycle(side, worker, `l${worker}-${turn % 100}`)
  return closedLoop(operation, { concurrency, seconds })
}
const handOffs = (side: LockSide) => () =>
  closedLoop((worker) => cycle(side, worker, 'hot'), { concurrency: 32, seconds })

for (const side of [etcd, redis, holdfast]) await side.prepare(256)
for (const side of [etcd, redis, holdfast]) await cycles(side, 16)()

for (const [concurrency, target] of [
  [1, undefined],
  [64, 4],
  [256, 5],
] as const) {
  const what = `acquire + release, ${concurrency} in flight`
  const [theirs, , ours] = await takeTurns(what, [etcd, redis, holdfast], (side) => cycles(side, concurrency))
  if (target === undefined) {
    const value = ours!.p50Ms! / theirs!.p50Ms!
    report.verdict({ what: `p50 of a cycle ÷ etcd's, 1 in flight`, value, atMost: 1.5 })
  } else {
    const value = ours!.perSecond! / theirs!.perSecond!
    report.verdict({ what: `cycles ÷ etcd's, ${concurrency} in flight`, value, atLeast: target })
  }
}
const [theirs, ours] = await takeTurns('hand-offs of one lock among 32', [etcd, holdfast], handOffs)
report.verdict({ what: "hand-offs ÷ etcd's", value: ours!.perSecond! / theirs!.perSecond!, atLeast: 3 })

await using emptyFixture = await startFixture()
await using fullFixture = await startFixture()
await using empty = new HoldfastLocks(emptyFixture.server.address, 'Holdfast, with nothing standing')
await using full = new HoldfastLocks(
  fullFixture.server.address,
  'Holdfast, with 10,000 locks and 1,000 holds',
)
await using _holder = await stand(fullFixture.server.address, { locks: 10_000, holds: 1_000 })
for (const side of [empty, full]) await side.prepare()
for (const side of [empty, full]) await cycles(side, 16)()
for (const concurrency of [1, 64, 256]) {
  await besides(`acquire + release, ${concurrency} in flight`, (side) => cycles(side, concurrency))
}
await besides('hand-offs', handOffs)
report.save()

/** Has so many locks held, and so many holds put up, none of which is in the way. Gives the client that holds them. */
async function stand(
  address: string,
  { locks, holds }: { locks: number; holds: number },
): Promise<HoldfastLocks> {
  const holder = new HoldfastLocks(address, 'who holds the standing locks')
  for (let from = 0; from < locks; from += 500) {
    await Promise.all(Array.from({ length: 500 }, (_, at) => holder.acquire(0, `standing${from + at}`)))
  }
  for (let from = 0; from < holds; from += 50) {
    await Promise.all(
      Array.from({ length: 50 }, (_, at) => {
        const service = `held${from + at}`
        return holder.client.placeHold({ environment: 'production', service }, { reason: 'bench' })
      }),
    )
  }
  return holder
}

/** Measures at both new servers, and compares. */
async function besides(
  what: string,
  measure: (side: LockSide) => () => ReturnType<typeof closedLoop>,
): Promise<void> {
  const [without, among] = await takeTurns(what, [empty, full], measure)
  report.verdict({
    what: `${what}, with 10,000 locks and 1,000 holds ÷ alone`,
    value: among!.perSecond! / without!.perSecond!,
    atLeast: 0.8,
  })
}

/** Measures each side in turn, as often as runs were asked for. */
async function takeTurns(
  what: string,
  sides: LockSide[],
  measure: (side: LockSide) => () => ReturnType<typeof closedLoop>,
): Promise<Figures[]> {
  const results: Figures[][] = sides.map(() => [])
  for (let run = 0; run < options.runs; run++) {
    for (const [at, side] of sides.entries()) {
      const { perSecond, latenciesMs } = await measure(side)()
      results[at]!.push({ perSecond, ...latencies(latenciesMs) })
    }
  }
  return sides.map((side, at) => report.figure(`${side.name}: ${what}`, results[at]!))
}
