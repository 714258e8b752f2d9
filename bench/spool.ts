/**
 * How fast a spool drains, beside the same events sent by the SDK over one stream, to the same server in the same run.
 * An event counts when it is acknowledged. `--events N` says how many the spool holds.
 */
import { join } from 'node:path'
import { Forwarder, Spool } from '@holdfast/agent/spool'
import { Holdfast } from '@holdfast/sdk'
import { startFixture } from './harness/fixture.ts'
import { benchOptions } from './harness/options.ts'
import { Report } from './harness/report.ts'
import { scratchDirectory } from './harness/scratch.ts'
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
report.save()
