/**
 * One writer and 1,000 watch streams, Holdfast beside etcd: the same Node client library, four connections for
 * the streams on both sides, writer and watchers in this process. Paced: the time from the call of a write to
 * each delivery. Saturated: the next sixteen writes go out at once when all watchers have the last ones. The sides take
 * turns, and the one that does not have its turn is idle; but for one write a second, see below.
 *
 * The next write when all have the last one, one at a time, is shown beside it and has no target: that is not all that a
 * side can deliver, and most of it is the CPU of this process, which is the same for both.
 *
 * Tried: all 1,000 woken in one turn of the event loop, whose messages then leave together: p50 14 to 18 ms and 62
 * writes a second, one at a time, in place of 9 to 11 and 89 with 100 a turn.
 * One delivery to all is 13 to 16 ms of CPU of this process, for both sides, and 7 of Holdfast's.
 *
 * At one write a second both sides find everything cold, and take 25 ms to the last delivery in place of 15: of
 * Holdfast's 1.2 until its server has the request, 1.1 to load and 1.5 to commit (0.3 and 0.4 warm), 1.8 to the first
 * delivery, 20 of this process. The tail is what neither side can help: a disk that stalls (fdatasync of 8 kB on the idle
 * machine: 0.5 ms, and thrice a minute 75 to 115), a collection of garbage in this process, and the kernel, which at times
 * lets this process and the server take turns on one core beside an idle one. So one write of 15 that fell into it decided
 * which p99 was higher. Hence both sides at one time, half a second apart, and the median of nine turns.
 * A young generation of 4, 16 or 64 MB is the same here, within the noise.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Delivery, type FanOut } from './harness/fan-out.ts'
import { startFixture } from './harness/fixture.ts'
import { benchOptions } from './harness/options.ts'
import { type Figures, Report } from './harness/report.ts'
import { startEtcd } from './peers/etcd.ts'
import { holdfastFanOut } from './peers/holdfast-watch.ts'

const watchers = 1_000
const paces = [1, 10, 20]
const options = benchOptions()
const report = new Report('watch', options)
await using fixture = await startFixture()
await using etcd = await startEtcd(fixture.directory)
await using holdfast = holdfastFanOut(fixture.server.address)

const sides: FanOut[] = [etcd, holdfast]
const deliveries = sides.map((side) => new Delivery(side, watchers))
for (const delivery of deliveries) await delivery.open()
for (const delivery of deliveries) await delivery.saturated({ seconds: 1 })

for (const perSecond of paces) {
  const what = `${perSecond} writes a second`
  const [theirs, ours] =
    perSecond === 1
      ? await sideBySide(what, { perSecond, seconds: options.quick ? 3 : 15, turns: options.runs * 3 })
      : await takeTurns(what, (delivery) => delivery.paced({ perSecond, seconds: options.quick ? 3 : 6 }))
  const value = ours!.p99Ms! / theirs!.p99Ms!
  report.verdict({ what: `p99 of write → delivered at ${what} ÷ etcd's`, value, atMost: 1 })
}
await takeTurns('one write at a time', (delivery) => delivery.saturated({ seconds: options.quick ? 3 : 5 }))
const [theirs, ours] = await takeTurns('saturated, 16 writes in flight', (delivery) =>
  delivery.saturated({ seconds: options.quick ? 3 : 5, inFlight: 16 }),
)
report.verdict({
  what: "deliveries ÷ etcd's, saturated",
  value: ours!.perSecond! / theirs!.perSecond!,
  atLeast: 2,
})
report.figure('Holdfast: one delivery', [{ messageBytes: holdfast.deliveryBytes() }])
report.save()

/** Measures each side in turn, as often as runs were asked for. */
async function takeTurns(
  what: string,
  measure: (delivery: Delivery) => Promise<Figures>,
): Promise<Figures[]> {
  const results: Figures[][] = sides.map(() => [])
  for (let run = 0; run < options.runs; run++) {
    for (const [side, delivery] of deliveries.entries()) results[side]!.push(await measure(delivery))
  }
  return figures(what, results)
}

/** Measures both sides at one time, each writing when the other one's deliveries are long done. */
async function sideBySide(
  what: string,
  { perSecond, seconds, turns }: { perSecond: number; seconds: number; turns: number },
): Promise<Figures[]> {
  const results: Figures[][] = sides.map(() => [])
  for (let turn = 0; turn < turns; turn++) {
    const paced = deliveries.map(async (delivery, side) => {
      await pause((side * 1000) / perSecond / sides.length)
      return delivery.paced({ perSecond, seconds })
    })
    for (const [side, figures] of (await Promise.all(paced)).entries()) results[side]!.push(figures)
  }
  return figures(what, results)
}

function figures(what: string, results: Figures[][]): Figures[] {
  return sides.map((side, index) =>
    report.figure(`${side.name}: ${what}, ${watchers} watchers`, results[index]!),
  )
}
