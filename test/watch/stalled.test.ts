import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { Event } from '../../proto/gen/holdfast/v1/event.ts'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer } from '../harness/server.ts'
import { delivered, historyOf, outline } from './history.ts'
import { deployed, report, started } from './reports.ts'
import { StalledStream } from './stalled-stream.ts'
import { Watcher } from './watcher.ts'

failOnLeaks()

const changes = 20_000
/** A buffer of all changes for each of them would be 800 MiB together. */
const stalledCount = 150
/** What the server may grow by for reasons of its own: the feed's memory, the heap of the runtime. */
const allowedMiB = 400
/** For all changes, which take seconds on a machine that is not slow and not busy. */
const patienceMs = 120_000

const machines = Array.from({ length: 1000 }, (_, i) => `web-${i}`)

/** 1,000 changes: revisions of one change, and one of 100. */
function batch(n: number): Event[] {
  const starts = machines.slice(0, 900).map((machine) => started(machine, 'airship', `v${n}`))
  return [...starts, deployed('airship', `v${n}`, machines.slice(900))]
}

/** Resident memory of a process, MiB. */
async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024
}

test.runIf(process.platform === 'linux')(
  'W12 watchers that never read cost bounded memory and slow nobody; when they read again they get all',
  { timeout: 300_000 },
  async () => {
    await using database = await testDatabase()
    await using server = await spawnServer({ databaseUrl: database.url })
    using ends = new DisposableStack()
    // Each with a filter of its own, so that they share no bytes; all but the first let the same pass.
    const stalled = Array.from({ length: stalledCount }, (_, i) =>
      ends.use(new StalledStream(server.address, { filter: i === 0 ? '' : `slot != "${i}"` })),
    )
    const live = ['', 'kind = instance'].map((filter) => ends.use(new Watcher(server, { filter })))
    await Promise.all([
      ...stalled.map((stream) => stream.opened()),
      ...live.map((watch) => watch.following()),
    ])
    let head = 0n
    const pass = async (from: number, to: number) => {
      for (let n = from; n < to; n++) head = (await report(server, batch(n))).revision
      await Promise.all(live.map((watcher) => watcher.reached(head, patienceMs)))
    }
    // Warm before it is measured: the code is compiled, the heap has its size.
    await pass(0, 2)
    const before = await residentMiB(server.pid)
    await pass(2, 2 + changes / 1000)
    const grown = (await residentMiB(server.pid)) - before
    expect(grown).toBeLessThan(allowedMiB)

    // Two read again. The others go away without having read.
    const drained = stalled.slice(0, 2)
    for (const stream of stalled.slice(2)) stream[Symbol.dispose]()
    await Promise.all(drained.map((stream) => stream.drained(head, patienceMs)))
    const history = await historyOf(database.url)
    const instances = history.map(({ revision, images }) => ({
      revision,
      images: images.filter(({ key }) => key.startsWith('instance')),
    }))
    const seen = [...live.map(({ steps }) => steps), ...drained.map(({ steps }) => steps)]
    for (const [i, steps] of seen.entries()) {
      const revisions = steps.flatMap((step) => (step.$case === 'changes' ? step.value.revisions : []))
      expect(outline(delivered(revisions))).toEqual(outline(i % 2 === 0 ? history : instances))
    }
  },
)
