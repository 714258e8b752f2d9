import { monitorEventLoopDelay } from 'node:perf_hooks'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { comparable, delivered, type HistoryEntry, historyOf } from './history.ts'
import { report, satisfied, started } from './reports.ts'
import { Watcher } from './watcher.ts'

failOnLeaks()

const promisedMs = 5000
/** How late this process was with what was due: a progress that leaves in time may be both sent and read late. */
const loop = monitorEventLoopDelay({ resolution: 10 })

// One wait of some five seconds for everything in this file.
let idle: TestServer
let busy: TestServer
let quiet: Watcher[]
let watchers: { all: Watcher; some: Watcher; none: Watcher }
let history: HistoryEntry[]

beforeAll(async () => {
  idle = await testServer()
  busy = await testServer()
  await report(idle, [started('web-0', 'airship')])
  loop.enable()
  quiet = [new Watcher(idle), new Watcher(idle, { skipSnapshot: true })]
  watchers = {
    all: new Watcher(busy),
    some: new Watcher(busy, { filter: 'kind = condition' }),
    none: new Watcher(busy, { filter: 'name = "nobody"' }),
  }
  await Promise.all([...quiet, ...Object.values(watchers)].map((watcher) => watcher.following()))
  let n = 0
  let claims = 0
  const writeOne = async () => {
    // What one of the filters lets pass: at first, and as the very next revision after each progress.
    const claimed = progressed(watchers.some)
    const passes = n < 3 || claimed > claims
    claims = claimed
    await report(busy, [passes ? satisfied(`migration:${n}`) : started(`web-${n}`, 'airship')])
    n++
    return progressed(watchers.none) > 1 && claims > 1
  }
  await until('a second progress', writeOne, 50_000, 50)
  const { revision } = await report(busy, [started('web-last', 'airship')])
  await watchers.all.reached(revision)
  history = await historyOf(busy.url)
  await until('a second progress', () => quiet.every((watcher) => progressed(watcher) > 1))
  loop.disable()
})

afterAll(async () => {
  for (const watcher of [...quiet, ...Object.values(watchers)]) watcher[Symbol.dispose]()
  await idle[Symbol.asyncDispose]()
  await busy[Symbol.asyncDispose]()
})

const progressed = (watcher: Watcher): number =>
  watcher.steps.filter(({ $case }) => $case === 'progress').length

const allowedMs = (): number => promisedMs + (2 * loop.max) / 1e6

function longestSilence({ openedMs, arrivals }: Watcher): number {
  const times = [openedMs, ...arrivals.map(({ atMs }) => atMs)]
  return Math.max(...times.slice(1).map((time, i) => time - times[i]!))
}

test('W13 progress within 5 s when nothing happens', () => {
  for (const watcher of quiet) expect(longestSilence(watcher)).toBeLessThan(allowedMs())
})

test('W13 progress within 5 s when all that happens is filtered out', () => {
  const { none, some } = watchers
  expect(none.revisions).toEqual([])
  expect(longestSilence(none)).toBeLessThan(allowedMs())
  expect(longestSilence(some)).toBeLessThan(allowedMs())
  const positions = none.steps.map((step) => step.value.position!.revision)
  expect(positions.at(-1)).toBeGreaterThan(positions[0]!)
})

test('W6 progress(r) means that all up to r was delivered, and never more than there is', () => {
  for (const { steps } of quiet) {
    for (const step of steps) expect(step.value.position!.revision).toBe(1n)
  }
  const conditions = history.filter(({ images }) => images.some(({ key }) => key.startsWith('condition')))
  expect(conditions.length).toBeGreaterThanOrEqual(4)
  const expected = { all: history, some: conditions, none: [] }
  for (const name of ['all', 'some', 'none'] as const) {
    const { steps } = watchers[name]
    for (const [i, step] of steps.entries()) {
      // Every position claims as much as a progress does.
      const { revision } = step.value.position!
      const before = steps
        .slice(0, i + 1)
        .flatMap((step) => (step.$case === 'changes' ? step.value.revisions : []))
      const due = expected[name].filter((entry) => entry.revision <= revision)
      expect(comparable(delivered(before)), `${name}, at ${revision}`).toEqual(comparable(due))
    }
  }
})
