/**
 * How fast a spool drains, beside the same events sent by the SDK over one stream, to the same server in the same run.
 * An event counts when it is acknowledged. Then the same through a relay. `--events N` says how many the spool holds.
 */
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Forwarder, Spool } from '@holdfast/agent/spool'
import { Holdfast } from '@holdfast/sdk'
import { startChild } from './harness/child.ts'
import { startFixture } from './harness/fixture.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { scratchDirectory } from './harness/scratch.ts'
import { holdfastCommand } from './harness/server-process.ts'
import { note, send } from './ingest/workload.ts'

const options = benchOptions()
const report = new Report('spool', options)
await using fixture = await startFixture()
await using scratch = await scratchDirectory()
await using client = Holdfast.lazy({ address: fixture.server.address })

const count = options.events ?? (options.quick ? 50_000 : 1_000_000)
const together = 5_000
const spool = new Spool(join(scratch.path, 'spool'))
for (let from = 0; from < count; from += together) {
  const events = Array.from({ length: Math.min(together, count - from) }, (_, index) => note(from + index))
  spool.appendAll(events)
}

await using stream = client.ingest({ source: 'bench' })
const before = await send(stream, Math.min(count, 200_000), note)
const begin = performance.now()
const { settled, refused } = await new Forwarder({ spool, client }).drain()
const drained = count / ((performance.now() - begin) / 1000)
if (settled !== count || refused.length > 0) throw new Error(`${settled} of ${count} events were settled`)
const after = await send(stream, Math.min(count, 200_000), note)

const direct = report.figure('the SDK over one stream', [{ perSecond: before }, { perSecond: after }])
const drain = report.figure(`a spool of ${count.toLocaleString('en')} events`, [{ perSecond: drained }])
report.verdict({ what: 'drain ÷ SDK', value: drain.perSecond! / direct.perSecond!, atLeast: 0.5 })

// The same events once more under another spool's name, to a relay that sends them on at once.
const farSpool = new Spool(join(scratch.path, 'far'))
for (let from = 0; from < count; from += together) {
  const events = Array.from({ length: Math.min(together, count - from) }, (_, index) => note(from + index))
  farSpool.appendAll(events)
}
await using relay = await startChild(holdfastCommand, ['relay', '--listen', '127.0.0.1:0'], {
  ready: /^listening on (\S+)$/m,
  env: { HOLDFAST_ADDRESS: fixture.server.address, HOLDFAST_DATA_DIR: join(scratch.path, 'relay') },
})
await using farClient = Holdfast.lazy({ address: relay.answer })
const farBegin = performance.now()
await new Forwarder({ spool: farSpool, client: farClient }).drain()
const kept = count / ((performance.now() - farBegin) / 1000)
while ((await arrived(client, farSpool.source)) < count) await delay(50)
const through = count / ((performance.now() - farBegin) / 1000)
report.figure('a spool to a relay, on its disk', [{ perSecond: kept }])
report.figure('a spool through a relay, at the server', [{ perSecond: through }])
report.save()

/** How many of a spool's events the server has. */
async function arrived(of: Holdfast, source: string): Promise<number> {
  for await (const one of of.listSources()) {
    if (one.source === source)
      return one.numberings.reduce((sum, { highWater }) => sum + Number(highWater), 0)
  }
  return 0
}
