/**
 * Ingest through the SDK over one stream, beside `INSERT … SELECT FROM unnest()` through `pg` on one connection
 * into a table of the same shape, on the same PostgreSQL. An event counts when it is acknowledged: durable, and
 * folded into the state. The client makes its events as it goes, on both sides. The sides take turns.
 *
 * `--events N` sends N events in one go instead, and watches the server's memory.
 */
import { Holdfast } from '@holdfast/sdk'
import { startFixture } from './harness/fixture.ts'
import { residentBytes } from './harness/machine.ts'
import { benchOptions } from './harness/options.ts'
import { type Figures, Report } from './harness/report.ts'
import { firstStart, instances, machines, note, send, startsAndStops } from './ingest/workload.ts'
import { createEventTable, insertEvents } from './peers/event-table.ts'

const bodyBytes = 300

const options = benchOptions()
const report = new Report('ingest', options)
await using fixture = await startFixture()
await using holdfast = Holdfast.lazy({ address: fixture.server.address })
const startOrStop = startsAndStops()
await using stream = holdfast.ingest({ source: 'bench' })

if (options.events === undefined) await compare(options.quick ? 0.25 : 1)
else await soak(options.events)
report.save()

async function compare(scale: number): Promise<void> {
  await send(stream, instances, firstStart)
  const raw = await fixture.database.ensure('raw').then(() => fixture.database.connect('raw'))
  const rows = 200_000 * scale
  const results: Record<'raw1000' | 'raw5000' | 'notes' | 'changes', Figures[]> = {
    raw1000: [],
    raw5000: [],
    notes: [],
    changes: [],
  }
  for (let run = 0; run < options.runs; run++) {
    for (const batch of [1_000, 5_000] as const) {
      await createEventTable(raw)
      const perSecond = await insertEvents(raw, { rows, batch, machines, bodyBytes })
      results[`raw${batch}`].push({ perSecond })
    }
    await createEventTable(raw)
    results.notes.push({ perSecond: await send(stream, rows, note) })
    results.changes.push({ perSecond: await send(stream, rows / 2, startOrStop) })
  }
  await raw.end()
  const peers = [
    report.figure('raw: unnest, 1,000 rows a statement', results.raw1000),
    report.figure('raw: unnest, 5,000 rows a statement', results.raw5000),
  ]
  const best = Math.max(...peers.map((peer) => peer.perSecond!))
  const notes = report.figure('Holdfast: events that change no state', results.notes)
  const changes = report.figure('Holdfast: every event changes state', results.changes)
  await countStored(options.runs * 1.5 * rows + instances, options.runs * 0.5 * rows)
  report.verdict({ what: 'events that change no state ÷ raw', value: notes.perSecond! / best, atLeast: 0.6 })
  report.verdict({ what: 'every event changes state ÷ raw', value: changes.perSecond! / best, atLeast: 0.25 })
}

/** A rate of events that were lost, or changed nothing where they should, is no rate. */
async function countStored(events: number, changes: number): Promise<void> {
  const client = await fixture.database.connect(fixture.databaseName)
  const { rows } = await client.query<{ events: string; changes: string }>(
    `select (select count(*) from event) as events, (select count(*) from change where revision > create_revision) as changes
     from (select max(create_revision) as create_revision from instance) as last`,
  )
  await client.end()
  const stored = { events: Number(rows[0]!.events), changes: Number(rows[0]!.changes) }
  if (stored.events !== events) throw new Error(`${stored.events} events are stored, of ${events} sent`)
  if (stored.changes < changes) throw new Error(`${stored.changes} changes were made, of ${changes} expected`)
}

/** One event in ten changes state; the server's memory is read as it goes. */
async function soak(count: number): Promise<void> {
  await send(stream, instances, firstStart)
  const megabytes: number[] = []
  const step = 250_000
  const begin = performance.now()
  for (let sent = 0; sent < count; sent += step) {
    await send(stream, Math.min(step, count - sent), (index) =>
      index % 10 === 0 ? startOrStop() : note(index),
    )
    megabytes.push(residentBytes(fixture.server.pid) / 1e6)
    const perSecond = (sent + step) / ((performance.now() - begin) / 1000)
    console.log(
      `${(sent + step).toLocaleString('en')} events, ${Math.round(perSecond)}/s, RSS ${Math.round(megabytes.at(-1)!)} MB`,
    )
  }
  const half = Math.floor(megabytes.length / 2)
  const [first, second] = [Math.max(...megabytes.slice(0, half)), Math.max(...megabytes.slice(half))]
  const perSecond = count / ((performance.now() - begin) / 1000)
  report.figure(`Holdfast: ${count.toLocaleString('en')} events in one go`, [
    { perSecond, firstHalfRssMb: first, secondHalfRssMb: second },
  ])
  report.verdict({ what: 'highest RSS of the second half ÷ the first', value: second / first, atMost: 1.1 })
}
