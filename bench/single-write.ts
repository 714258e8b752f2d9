/**
 * One event on an idle server, through a unary IngestBatch and through the SDK's `started`, beside the commit of
 * one row of the same shape through `pg` on the same PostgreSQL. The sides take turns.
 */
import { Holdfast } from '@holdfast/sdk'
import { startFixture } from './harness/fixture.ts'
import { benchOptions } from './harness/options.ts'
import { type Figures, Report } from './harness/report.ts'
import { closedLoop, latencies } from './harness/sample.ts'
import { createEventTable, insertEvent } from './peers/event-table.ts'
import { holdfastFanOut } from './peers/holdfast-watch.ts'

const options = benchOptions()
const report = new Report('single-write', options)
await using fixture = await startFixture()
await using holdfast = Holdfast.lazy({ address: fixture.server.address, source: 'bench/sdk' })
await using client = holdfastFanOut(fixture.server.address)
await fixture.database.ensure('raw')
const raw = await fixture.database.connect('raw')
await createEventTable(raw)

const body = Buffer.alloc(300)
let turn = 0
const sides: Record<string, () => Promise<unknown>> = {
  'raw: one row committed': () => insertEvent(raw, ++turn, body),
  'Holdfast: one event, IngestBatch': () => client.write(++turn),
  'Holdfast: one event, SDK': () =>
    holdfast.started('offline-tasks', { machine: 'worker-0', version: String(++turn) }),
}
const results = new Map<string, Figures[]>(Object.keys(sides).map((side) => [side, []]))
const turns = options.quick ? 500 : 2_000
for (let run = 0; run < options.runs; run++) {
  for (const [side, write] of Object.entries(sides)) {
    await closedLoop(write, { turns: 300 })
    results.get(side)!.push(latencies((await closedLoop(write, { turns })).latenciesMs))
  }
}
await raw.end()
const [row, event] = [...results].map(([side, figures]) => report.figure(side, figures))
report.verdict({
  what: `p50 of one event, ${row!.p50Ms} ms for a row`,
  value: event!.p50Ms!,
  unit: 'ms',
  atMost: 2 * row!.p50Ms! + 1,
})
report.save()
