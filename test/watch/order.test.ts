import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RevisionChanges } from '../../proto/gen/holdfast/v1/watch.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { within } from '../harness/wait.ts'
import { comparable, delivered, type HistoryEntry, historyOf } from './history.ts'
import { deployed, report } from './reports.ts'
import { Watcher } from './watcher.ts'
import { write } from './workload.ts'

failOnLeaks()

const from = (revision: bigint) => ({ resume: { ledgerEpoch: 1n, revision, snapshotCursor: '' } })

describe('watches of a ledger that many write to', () => {
  let server: TestServer
  let watchers: { name: string; after: bigint; revisions: RevisionChanges[]; watcher: Watcher }[]
  let history: HistoryEntry[]
  let head: bigint

  beforeAll(async () => {
    server = await testServer()
    // Before anything is there, from the beginning, and again in the middle of it.
    const early = [
      new Watcher(server),
      new Watcher(server, from(0n)),
      new Watcher(server, { skipSnapshot: true }),
    ]
    await Promise.all(early.map((watcher) => watcher.following()))
    const writing = write(server)
    await early[0]!.reached(40n)
    const late = [
      new Watcher(server),
      new Watcher(server, { skipSnapshot: true }),
      new Watcher(server, from(20n)),
    ]
    head = await writing
    const all = [...early, ...late]
    await Promise.all(all.map((watcher) => watcher.reached(head)))
    history = await historyOf(server.url)
    const names = ['snapshot', 'beginning', 'now', 'late snapshot', 'late now', 'late revision 20']
    watchers = all.map((watcher, i) => {
      // Where the changes begin: the end of the snapshot, or the progress that opens the stream.
      const begin = watcher.steps.find(({ $case }) => $case === 'snapshotEnd' || $case === 'progress')!
      const after = begin.value.position!.revision
      return { name: names[i]!, after, revisions: watcher.revisions, watcher }
    })
  })

  afterAll(async () => {
    for (const { watcher } of watchers) watcher[Symbol.dispose]()
    await server[Symbol.asyncDispose]()
  })

  test('the workload is worth watching', () => {
    expect(head).toBeGreaterThan(100n)
    expect(history.length).toBe(Number(head))
    expect(watchers.filter(({ after }) => after > 0n).length).toBeGreaterThanOrEqual(3)
  })

  test('W1 ordered: revisions arrive in rising order, and so do positions', () => {
    for (const { revisions, watcher, name } of watchers) {
      const numbers = revisions.map(({ revision }) => revision)
      expect(numbers, name).toEqual(numbers.toSorted((a, b) => (a < b ? -1 : 1)))
      const positions = watcher.steps.map((step) => step.value.position!.revision)
      expect(positions, name).toEqual(positions.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)))
    }
  })

  test('W1 ordered: commit times never go back', () => {
    for (const { revisions } of watchers) {
      const times = revisions.map(
        ({ commitTime }) => commitTime!.seconds * 1_000_000_000n + BigInt(commitTime!.nanos),
      )
      for (const [i, time] of times.entries()) if (i > 0) expect(time).toBeGreaterThanOrEqual(times[i - 1]!)
    }
  })

  test('W2 unique: no revision arrives twice, and no resource twice in one', () => {
    for (const { revisions, name } of watchers) {
      expect(new Set(revisions.map(({ revision }) => revision)).size, name).toBe(revisions.length)
      for (const { images } of delivered(revisions)) {
        expect(new Set(images.map(({ key }) => key)).size).toBe(images.length)
      }
    }
  })

  test('W3 dense: each revision is the one after the last', () => {
    for (const { revisions, after, name } of watchers) {
      const expected = Array.from({ length: Number(head - after) }, (_, i) => after + 1n + BigInt(i))
      expect(
        revisions.map(({ revision }) => revision),
        name,
      ).toEqual(expected)
    }
  })

  test('W4 whole: every revision has all of its changes, in the order they were made', () => {
    expect(history.some(({ images }) => images.length > 3)).toBe(true)
    for (const { revisions, after, name } of watchers) {
      const expected = history.filter(({ revision }) => revision > after)
      expect(comparable(delivered(revisions)), name).toEqual(comparable(expected))
    }
  })
})

test('W4 whole: a deployment to 300 machines is one revision of one message', async () => {
  await using server = await testServer()
  using watcher = await new Watcher(server).following()
  const { revision } = await report(server, [deployed('airship', '20110502', names(300))])
  await watcher.reached(revision)
  const steps = watcher.steps.filter(({ $case }) => $case === 'changes')
  expect(steps).toHaveLength(1)
  expect(watcher.revisions).toHaveLength(1)
  // The machines and the service are new, too.
  expect(watcher.revisions[0]!.changes).toHaveLength(601)
})

test('W4 whole: revisions larger than a page of the change table come whole when read back from it', async () => {
  await using server = await testServer()
  for (const version of ['1', '2', '3']) {
    await report(server, [deployed('small', version, ['web-0']), deployed('airship', version, names(1000))])
  }
  // A server that was not there when it was written has nothing in memory.
  await using reader = await testServer({ databaseUrl: server.url })
  using watcher = new Watcher(reader, from(0n))
  await within('the whole history', watcher.reached(6n))
  const history = await historyOf(server.url)
  expect(history.map(({ images }) => images.length)).toEqual([3, 2000, 1, 1000, 1, 1000])
  expect(comparable(delivered(watcher.revisions))).toEqual(comparable(history))
})

const names = (count: number): string[] => Array.from({ length: count }, (_, i) => `web-${i}`)
