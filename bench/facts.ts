/**
 * Machine facts of 8 kB: 100 facts of which 5 change each time, over 500 machines that are all known, 16 in
 * flight, each counted when the server has answered: durable, folded and readable. The peer's figure is
 * PuppetDB's own for the same facts (`replace facts`, counted when processed, 16 in flight): 96 a second, taken
 * once on two cores like these; it is not run here, as it needs a Java stack of its own.
 *
 * A call is some 0.25 ms of CPU of this process, 0.42 of the server and 0.17 of PostgreSQL. Tried: attributes written
 * by generated code, 0.08 ms more here; a young generation of 4 or 64 MB in place of 16, no difference.
 */
import assert from 'node:assert/strict'
import { event, Holdfast } from '@holdfast/sdk'
import { startFixture } from './harness/fixture.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { closedLoop, latencies } from './harness/sample.ts'

const machines = 500
const concurrency = 16
const puppetDbPerSecond = 96

const options = benchOptions()
const report = new Report('facts', options)
await using fixture = await startFixture()
await using holdfast = Holdfast.lazy({ address: fixture.server.address, source: 'bench/facts' })

const changing = 5
/** By machine: making them anew for each call would be measured as Holdfast's. */
const stableFacts = new Map<string, Record<string, unknown>>()

/** The facts of PuppetDB's measurement: five strings that are new each time, 95 small structures that stay. */
function facts(machine: string, turn: number): Record<string, unknown> {
  let stable = stableFacts.get(machine)
  if (stable === undefined) {
    stable = {}
    for (let fact = changing; fact < 100; fact++) {
      const value = {
        a: `stable-${machine}-${fact}`,
        b: fact,
        c: ['x', 'y', 'some longer string value here'],
      }
      stable[`fact_${fact}`] = value
    }
    stableFacts.set(machine, stable)
  }
  const all: Record<string, unknown> = {}
  for (let fact = 0; fact < changing; fact++) all[`fact_${fact}`] = `value-${turn}-${fact}`
  return Object.assign(all, stable)
}

let next = 0
const latest = new Map<string, number>()

/** The machine whose turn it is, and what is seen of it. */
function look() {
  const turn = next++
  const machine = `node-${turn % machines}.example.test`
  latest.set(machine, turn)
  return { machine, facets: { facts: facts(machine, turn) } }
}

async function observe(): Promise<void> {
  const { machine, facets } = look()
  await holdfast.observe(machine, { facets })
}

/** The same over one ingest stream, as a relay for many machines would send them. */
async function stream(count: number): Promise<number> {
  await using ingest = holdfast.ingest({ source: 'bench/facts-stream' })
  const begin = performance.now()
  for (let sent = 0; sent < count; sent++) {
    const { machine, facets } = look()
    await ingest.send(event.observed(machine, { facets }))
  }
  await ingest.flush()
  return count / ((performance.now() - begin) / 1000)
}

const factBytes = JSON.stringify(facts('node-0.example.test', 1)).length
const fresh = await closedLoop(observe, { concurrency, turns: Math.ceil(machines / concurrency) })
report.figure('Holdfast: machines seen for the first time', [{ perSecond: fresh.perSecond, factBytes }])
const known = await report.measure(
  'Holdfast: 5 of 100 facts changed, 16 in flight',
  options.runs,
  async () => {
    const { perSecond, latenciesMs } = await closedLoop(observe, {
      concurrency,
      seconds: options.quick ? 2 : 5,
    })
    return { perSecond, ...latencies(latenciesMs) }
  },
)
const streamed = await report.measure(
  'Holdfast: the same over one ingest stream',
  options.runs,
  async () => ({
    perSecond: await stream(options.quick ? 1_000 : 10_000),
  }),
)
for (const machine of ['node-0.example.test', 'node-499.example.test']) {
  const { facets } = await holdfast.getMachine(machine, { full: true })
  assert.deepEqual(facets[0]?.attributes, facts(machine, latest.get(machine)!))
}
for (const [what, { perSecond }] of Object.entries({ '16 calls in flight': known, 'one stream': streamed })) {
  const value = perSecond! / puppetDbPerSecond
  report.verdict({
    what: `facts of a machine, ${what} ÷ PuppetDB's ${puppetDbPerSecond}/s`,
    value,
    atLeast: 20,
  })
}
report.save()
