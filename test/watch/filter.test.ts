import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Change_Type } from '../../proto/gen/holdfast/v1/watch.ts'
import { compileWatchFilter } from '../../server/src/domain/filter/watch-filter.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { historyOf, imageOf, sorted, stateAt, type View, viewOf } from './history.ts'
import { called, deployed, observed, report, satisfied, started, stopped } from './reports.ts'
import { Watcher } from './watcher.ts'

failOnLeaks()

let writer: TestServer
let reader: TestServer

beforeAll(async () => {
  writer = await testServer()
  reader = await testServer({ databaseUrl: writer.url })
})
afterAll(async () => {
  await reader[Symbol.asyncDispose]()
  await writer[Symbol.asyncDispose]()
})

// Few names, so that the same resources enter and leave the filters many times.
const machine = fc.constantFrom('web-0', 'web-1', 'db-0')
const service = fc.constantFrom('airship', 'postgres')
const version = fc.constantFrom('1', '2')
const rack = fc.constantFrom('a', 'b')

type Act = (server: TestServer) => Promise<unknown>
const act: fc.Arbitrary<Act> = fc.oneof(
  fc.tuple(machine, service, version).map(
    ([m, s, v]): Act =>
      (to) =>
        report(to, [started(m, s, v)]),
  ),
  fc.tuple(machine, service).map(
    ([m, s]): Act =>
      (to) =>
        report(to, [stopped(m, s)]),
  ),
  fc.tuple(service, version, fc.uniqueArray(machine, { minLength: 1 })).map(
    ([s, v, ms]): Act =>
      (to) =>
        report(to, [deployed(s, v, ms)]),
  ),
  fc.tuple(machine, rack, fc.nat(3)).map(
    ([m, r, n]): Act =>
      (to) =>
        report(to, [observed(m, { n }, { rack: r })]),
  ),
  fc.nat(2).map(
    (n): Act =>
      (to) =>
        report(to, [satisfied(`migration:${n}`)]),
  ),
  // Two in one transaction, the second undoing the first.
  fc.tuple(machine, service).map(
    ([m, s]): Act =>
      (to) =>
        report(to, [started(m, s, '1'), stopped(m, s), started(m, s, '2')]),
  ),
  machine.map(
    (m): Act =>
      async ({ state }) => {
        const name = `machines/${m}`
        await called((done) => state.retireMachine({ name, etag: '', reason: 'test' }, done)).catch(() => {})
      },
  ),
  machine.map(
    (m): Act =>
      async ({ state }) => {
        const name = `machines/${m}`
        await called((done) => state.restoreMachine({ name, etag: '', reason: '' }, done)).catch(() => {})
      },
  ),
)

const comparison = fc.oneof(
  machine.map((m) => `machine = ${m}`),
  machine.map((m) => `name = "${m}"`),
  service.map((s) => `service = ${s}`),
  version.map((v) => `running_version = "${v}"`),
  version.map((v) => `deployed_version != "${v}"`),
  rack.map((r) => `labels.rack = ${r}`),
  fc.constantFrom('state = RUNNING', 'state != STOPPED', 'lifecycle = ACTIVE', 'lifecycle = RETIRED'),
  fc.constantFrom('kind = instance', 'kind = machine', 'kind != facet', 'kind = condition', 'labels:rack'),
)
const { filter } = fc.letrec<{ filter: string }>((tie) => ({
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    comparison,
    fc.tuple(tie('filter'), tie('filter')).map(([a, b]) => `(${a} AND ${b})`),
    fc.tuple(tie('filter'), tie('filter')).map(([a, b]) => `(${a} OR ${b})`),
    tie('filter').map((a) => `NOT (${a})`),
  ),
}))

/** A change as a test sees it: put or removed, of what. */
interface Seen {
  type: Change_Type
  json: string
}

/** The specification: what a filtered watch should show of a full one, which began at `before`. */
function filtered(
  full: Watcher,
  { filter, before, after }: { filter: string; before: View; after: bigint },
): { revision: bigint; changes: Seen[] }[] {
  const { matches } = compileWatchFilter(filter)
  const inside = new Map([...before].map(([key, { resource }]) => [key, matches(resource)]))
  const revisions = []
  for (const { revision, changes } of full.revisions) {
    const seen: Seen[] = []
    for (const { resource } of changes) {
      const { key, json } = imageOf(resource!)
      const passes = matches(resource!)
      if (passes) seen.push({ type: Change_Type.PUT, json })
      else if (inside.get(key)) seen.push({ type: Change_Type.REMOVED, json })
      inside.set(key, passes)
    }
    if (seen.length > 0 && revision > after) revisions.push({ revision, changes: seen })
  }
  return revisions
}

const seenBy = (watcher: Watcher) =>
  watcher.revisions.map(({ revision, changes }) => ({
    revision,
    changes: changes.map(({ type, resource }): Seen => ({ type, json: imageOf(resource!).json })),
  }))

test('W9 filtered = filter(full) + removals, live and read back, for any history and filter', async () => {
  const scenario = fc.tuple(
    fc.array(act, { minLength: 4, maxLength: 12 }),
    fc.uniqueArray(filter, { minLength: 3, maxLength: 5 }),
  )
  await fc.assert(
    fc.asyncProperty(scenario, async ([acts, filters]) => {
      // The histories follow each other in one ledger: each begins with the state that the last one left.
      using live = await new Watcher(writer).following()
      const before = viewOf(live.steps)
      const resume = live.position!
      const opened = await Promise.all(
        filters.map(async (filter) => ({
          filter,
          snapshot: await new Watcher(writer, { filter }).following(),
          fromNow: await new Watcher(writer, { filter, skipSnapshot: true }).following(),
        })),
      )
      for (const act of acts) await act(writer)
      const { revision: head } = await report(writer, [started('web-0', 'marker', String(Math.random()))])
      await live.reached(head)
      const history = await historyOf(writer.url)
      for (const { filter, snapshot, fromNow } of opened) {
        using _snapshot = snapshot
        using _fromNow = fromNow
        using resumed = new Watcher(writer, { resume, filter })
        // Where images of before come from the change table.
        using elsewhere = new Watcher(reader, { resume, filter })
        using readBack = new Watcher(reader, { resume: { ...resume, revision: 0n }, filter })
        const expected = filtered(live, { filter, before, after: resume.revision })
        for (const watcher of [snapshot, fromNow, resumed, elsewhere, readBack]) {
          // A filter that lets nothing more pass moves its position with the next progress only.
          await watcher.reached(expected.at(-1)?.revision ?? 0n)
          const seen = seenBy(watcher).filter(({ revision }) => revision > resume.revision)
          expect(seen, filter).toEqual(expected)
        }
        const { matches } = compileWatchFilter(filter)
        expect(sorted(viewOf(snapshot.steps)), filter).toEqual(sorted(stateAt(history, head, matches)))
      }
    }),
    { numRuns: 12, endOnFailure: true },
  )
})

test('W9 what leaves a filter is removed with its last state, and comes back as put', async () => {
  await using server = await testServer()
  await report(server, [started('web-0', 'airship', '1')])
  using watcher = await new Watcher(server, { filter: 'running_version = "1"' }).following()
  for (const version of ['2', '3', '1']) await report(server, [started('web-0', 'airship', version)])
  await watcher.reached(4n)
  const seen = watcher.revisions.map(({ revision, changes }) => [
    revision,
    ...changes.map(({ type, resource }) => [type, versionOf(resource!.resource!)]),
  ])
  expect(seen).toEqual([
    [2n, [Change_Type.REMOVED, '2']],
    [4n, [Change_Type.PUT, '1']],
  ])
  const view: View = viewOf(watcher.steps)
  expect([...view.keys()]).toEqual(['instance instances/web-0~airship'])
})

test('W9 a filter with an unknown field is refused by position', async () => {
  await using server = await testServer()
  using watcher = new Watcher(server, { filter: 'machine = web-0 AND colour = red' })
  expect(await watcher.refused()).toMatchObject({ code: 3, reason: 'FILTER_INVALID' })
})

const versionOf = (resource: { $case: string; value: object }): unknown =>
  'runningVersion' in resource.value ? resource.value.runningVersion : undefined
