import { afterAll, beforeAll, expect, test } from 'vitest'
import type { GetInstanceResponse } from '../../proto/gen/holdfast/v1/state_service.ts'
import type { Clients } from '../harness/clients.ts'
import { type TestDatabase, testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type SpawnedServer, spawnServer, type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { holdingLedger, waitingWriters } from './held-ledger.ts'
import { comparable, delivered, historyOf, sorted, sql, stateAt, viewOf } from './history.ts'
import { called, report, started } from './reports.ts'
import { Watcher } from './watcher.ts'
import { write } from './workload.ts'

failOnLeaks()

/** How long a commit is held up. The promise is made for a minute; the mechanism is the same. */
const delayMs = Number(process.env.HOLDFAST_W14_DELAY_MS ?? 2000)

let database: TestDatabase
// One in a process of its own, one in this.
let a: SpawnedServer
let b: TestServer

beforeAll(async () => {
  database = await testDatabase()
  const databaseUrl = database.url
  ;[a, b] = await Promise.all([spawnServer({ databaseUrl }), testServer({ databaseUrl })])
})

afterAll(async () => {
  await Promise.all([a, b].map((server) => server[Symbol.asyncDispose]()))
  await database[Symbol.asyncDispose]()
})

test('W8 read your writes: what one server acknowledged, another shows at once', async () => {
  for (let n = 0; n < 15; n++) {
    const [writer, reader] = n % 2 === 0 ? [a, b] : [b, a]
    const version = `v${n}`
    const { revision } = await report(writer, [started('web-0', 'airship', version)])
    const now = await instance(reader, 0n)
    expect(now.instance).toMatchObject({ runningVersion: version, revision })
    expect(now.revision).toBe(revision)
    const asOf = await instance(reader, revision)
    expect(asOf.instance).toMatchObject({ runningVersion: version })

    // A snapshot, a resume from that very revision, and a watch from now on: none is behind it.
    const resume = { ledgerEpoch: 1n, revision, snapshotCursor: '' }
    const watchers = [
      new Watcher(reader),
      new Watcher(reader, { resume }),
      new Watcher(reader, { skipSnapshot: true }),
    ]
    for (const watcher of watchers) {
      using _ = await watcher.following()
      expect(watcher.position!.revision).toBeGreaterThanOrEqual(revision)
    }
    const seen = viewOf(watchers[0]!.steps).get('instance instances/web-0~airship')
    expect(seen?.resource.resource?.value).toMatchObject({ runningVersion: version })
  }
})

test('W8 what is written at either server reaches watches at both, the same and in the same order', async () => {
  const watchers = await Promise.all([a, b].map((server) => new Watcher(server).following()))
  const head = await write([a, b], { writers: 4, batches: 12 })
  const history = await historyOf(database.url)
  for (const watcher of watchers) {
    using _ = await watcher.reached(head)
    const { revision } = watcher.steps.find(({ $case }) => $case === 'snapshotEnd')!.value.position!
    expect(comparable(delivered(watcher.revisions))).toEqual(
      comparable(history.filter((entry) => entry.revision > revision)),
    )
    expect(sorted(viewOf(watcher.steps))).toEqual(sorted(stateAt(history, head)))
  }
})

test(`W14 commits that are delayed by ${delayMs} ms are delivered in order, once, at every server`, {
  timeout: delayMs + 30_000,
}, async () => {
  const watchers = await Promise.all([a, b].map((server) => new Watcher(server).following()))
  const before = watchers[0]!.position!.revision
  const pending: Promise<unknown>[] = []
  const seen: number[] = []
  {
    await using _held = await holdingLedger(database.url)
    for (const [i, server] of [a, b, a, b].entries()) {
      pending.push(report(server, [started('web-14', 'delayed', `v${i}`)]))
    }
    await waitingWriters(database.url, 2)
    // More keep coming while it lasts; nothing of any of them may be seen.
    const until = performance.now() + delayMs
    await waitUntil(until, () => {
      seen.push(...watchers.map((watcher) => watcher.revisions.length))
      if (pending.length < 20) pending.push(report(a, [started('web-14', 'later', `v${pending.length}`)]))
    })
  }
  await Promise.all(pending)
  expect(seen.every((count) => count === 0)).toBe(true)
  const { rows } = await sql<{ head: string }>(database.url, 'select head from ledger')
  const head = BigInt(rows[0]!.head)
  const history = (await historyOf(database.url)).filter(({ revision }) => revision > before)
  expect(history.length).toBe(Number(head - before))
  for (const watcher of watchers) {
    using _ = await watcher.reached(head)
    expect(comparable(delivered(watcher.revisions))).toEqual(comparable(history))
  }
})

const instance = ({ state }: Clients, revision: bigint) =>
  called<GetInstanceResponse>((done) =>
    state.getInstance({ name: 'instances/web-0~airship', revision, readTime: undefined }, done),
  )

/** Does `act` again and again until a time. Here the time itself is what is waited for. */
async function waitUntil(deadlineMs: number, act: () => void): Promise<void> {
  const over = () => {
    act()
    return performance.now() >= deadlineMs
  }
  await until('the delay', over, delayMs + 10_000)
}
