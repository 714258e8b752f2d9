import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { Event } from '../../proto/gen/holdfast/v1/event.ts'
import { clientsOf } from '../harness/clients.ts'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { spawnServer } from '../harness/server.ts'
import { delivered, historyOf, outline } from './history.ts'
import { deployed, report, started } from './reports.ts'
import { Watcher } from './watcher.ts'

failOnLeaks()

/** At some 700 bytes, one buffer for each of the stalled watchers would be 14 MiB. */
const changes = 20_000
const stalledCount = 50
/** What the server may grow by for reasons of its own: the feed's memory, the heap of the runtime. */
const allowedMiB = 250

const machines = Array.from({ length: 1000 }, (_, i) => `web-${i}`)

/** Some 1,000 changes: of one revision, or of 500 revisions of one change and another large one. */
function batch(n: number): Event[] {
  if (n % 2 === 0) return [deployed('airship', `v${n}`, machines)]
  const starts = machines.slice(0, 500).map((machine) => started(machine, 'airship', `v${n}`))
  return [...starts, deployed('airship', `v${n}`, machines.slice(500))]
}

/** Resident memory of a process, MiB. */
async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024
}

test.runIf(process.platform === 'linux')(
  'W12 watchers that never read cost bounded memory and slow nobody; when they read again they get all',
  { timeout: 60_000 },
  async () => {
    await using database = await testDatabase()
    await using server = await spawnServer({ databaseUrl: database.url })
    using ends = new DisposableStack()
    // A connection each, as they are different clients: the streams of one connection share its window.
    const watch = (filter: string): Watcher => {
      const clients = ends.use(clientsOf(server.address, { 'grpc.use_local_subchannel_pool': 1 }))
      return ends.use(new Watcher(clients, { filter }))
    }
    // Some share a filter, and some have one of their own that lets as much pass.
    const stalled = Array.from({ length: stalledCount }, (_, i) => watch(i % 10 ? '' : `slot != "${i}"`))
    const live = ['', 'kind = instance'].map(watch)
    await Promise.all([...stalled, ...live].map((watcher) => watcher.following()))
    for (const watcher of stalled) watcher.stall()
    // Warm before it is measured: the code is compiled, the heap has its size.
    let head = 0n
    const pass = async (from: number, to: number) => {
      for (let n = from; n < to; n++) head = (await report(server, batch(n))).revision
      await Promise.all(live.map((watcher) => watcher.reached(head)))
    }
    await pass(0, 2)

    const before = await residentMiB(server.pid)
    await pass(2, 2 + changes / 1000)
    const grown = (await residentMiB(server.pid)) - before
    expect(grown).toBeLessThan(allowedMiB)
    for (const watcher of stalled) expect(watcher.has(head), 'a stalled watch has read').toBe(false)

    // Of each sort some read again. The others go away without having read.
    const drained = stalled.slice(0, 2)
    for (const watcher of stalled.slice(2)) watcher[Symbol.dispose]()
    for (const watcher of drained) watcher.drain()
    const history = await historyOf(database.url)
    const instances = history.map(({ revision, images }) => ({
      revision,
      images: images.filter(({ key }) => key.startsWith('instance')),
    }))
    for (const [i, watcher] of [...drained, ...live].entries()) {
      await watcher.reached(head)
      const expected = i % 2 === (i < drained.length ? 1 : 0) ? history : instances
      expect(outline(delivered(watcher.revisions))).toEqual(outline(expected))
    }
  },
)
