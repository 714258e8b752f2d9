import { expect, test } from 'vitest'
import type {
  ListInstancesResponse,
  ListMachinesResponse,
  ListServicesResponse,
} from '../../proto/gen/holdfast/v1/state_service.ts'
import type { WatchPosition } from '../../proto/gen/holdfast/v1/watch.ts'
import type { Clients } from '../harness/clients.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { comparable, delivered, historyOf, imageOf, sorted, stateAt, type View, viewOf } from './history.ts'
import { called, deployed, observed, report, started } from './reports.ts'
import { Watcher } from './watcher.ts'
import { write } from './workload.ts'

failOnLeaks()

const at = (revision: bigint): WatchPosition => ({ ledgerEpoch: 1n, revision, snapshotCursor: '' })

test('W5 resumes at every revision, from memory and from the database', async () => {
  await using writer = await testServer()
  const head = await write(writer, { writers: 3, batches: 8 })
  // Has nothing of it in memory.
  await using reader = await testServer({ databaseUrl: writer.url })
  const history = await historyOf(writer.url)
  for (const server of [writer, reader]) {
    await Promise.all(
      Array.from({ length: Number(head) + 1 }, async (_, i) => {
        const revision = BigInt(i)
        using watcher = new Watcher(server, { resume: at(revision) })
        await watcher.reached(head)
        const expected = history.filter((entry) => entry.revision > revision)
        expect(comparable(delivered(watcher.revisions)), `after ${revision}`).toEqual(comparable(expected))
      }),
    )
  }
})

test('W5 resumes at every position of a stream, and nothing comes twice or is left out', async () => {
  await using server = await testServer()
  await write(server, { writers: 2, batches: 4 })
  using first = await new Watcher(server).following()
  const head = await write(server, { writers: 2, batches: 6, first: 4 })
  await first.reached(head)
  const whole = comparable(delivered(first.revisions))
  for (const [i, step] of first.steps.entries()) {
    if (step.$case === 'snapshot') continue
    using rest = await new Watcher(server, { resume: step.value.position }).reached(head)
    const before = first.steps
      .slice(0, i + 1)
      .flatMap((step) => (step.$case === 'changes' ? step.value.revisions : []))
    expect(comparable(delivered([...before, ...rest.revisions]))).toEqual(whole)
  }
})

test('W5 resumes in the middle of a snapshot, at each cursor, while the state moves on', async () => {
  await using server = await testServer()
  const names = Array.from({ length: 700 }, (_, i) => `web-${i}`)
  await report(server, [deployed('airship', '1', names)])
  await report(
    server,
    names.slice(0, 120).map((name) => observed(name, { 'host.name': name, 'x.padding': noise(4000) })),
  )
  using first = await new Watcher(server).following()
  const revision = first.steps[0]!.value.position!.revision
  const cursors = first.steps.filter(({ $case }) => $case === 'snapshot').map((step) => step.value.position!)
  expect(new Set(cursors.map(({ snapshotCursor }) => snapshotCursor)).size).toBeGreaterThanOrEqual(4)

  // What was in the snapshot changes, and what was not comes into being, before and after each cursor.
  await report(server, [
    deployed('airship', '2', names.slice(0, 350)),
    ...['aaa', 'web-3x', 'zzz'].map((name) => started(name, 'offline-tasks')),
  ])
  const { revision: head } = await report(
    server,
    names.slice(0, 40).map((name) => observed(name, { 'host.name': `new ${name}` })),
  )
  await first.reached(head)
  const history = await historyOf(server.url)
  for (const [i, cursor] of cursors.entries()) {
    using rest = await new Watcher(server, { resume: cursor }).reached(head)
    const steps = [...first.steps.slice(0, i + 1), ...rest.steps]
    const parts = steps.filter(({ $case }) => $case === 'snapshot')
    expect(parts.every((step) => step.value.position!.revision === revision)).toBe(true)
    const resources = parts.flatMap((step) => (step.$case === 'snapshot' ? step.value.resources : []))
    const keys = resources.map((resource) => imageOf(resource).key)
    expect(new Set(keys).size, 'a resource came twice').toBe(keys.length)
    expect(sorted(viewOf(parts))).toEqual(sorted(stateAt(history, revision)))
    expect(sorted(viewOf(steps))).toEqual(sorted(stateAt(history, head)))
  }
})

test('W5 refuses a cursor that it never gave', async () => {
  await using server = await testServer()
  using watcher = new Watcher(server, { resume: { ...at(0n), snapshotCursor: 'nonsense' } })
  expect(await watcher.refused()).toMatchObject({ code: 3, reason: 'INVALID_REQUEST' })
})

test('W7 snapshot and changes are the state at every revision', async () => {
  await using server = await testServer()
  const writing = write(server, { writers: 4, batches: 12 })
  const watchers: Watcher[] = []
  // Each begins at another revision, in the middle of the writing.
  for (let i = 0; i < 8; i++) watchers.push(await new Watcher(server).following())
  const head = await writing
  const history = await historyOf(server.url)
  for (const watcher of watchers) {
    using _ = await watcher.reached(head)
    const end = watcher.steps.findIndex(({ $case }) => $case === 'snapshotEnd')
    expect(end).toBeGreaterThanOrEqual(0)
    for (let i = end; i < watcher.steps.length; i++) {
      const { revision } = watcher.steps[i]!.value.position!
      const seen = viewOf(watcher.steps.slice(0, i + 1))
      expect(sorted(seen), `at ${revision}`).toEqual(sorted(stateAt(history, revision)))
    }
  }
  // The same as is read as of those revisions.
  for (let revision = 1n; revision <= head; revision += 9n) {
    const expected = stateAt(history, revision, ({ resource }) => LISTED.has(resource!.$case))
    expect(sorted(await listedAt(server, revision)), `at ${revision}`).toEqual(sorted(expected))
  }
})

test('W7 a large resource makes no message that a client with the usual limits cannot take', async () => {
  await using server = await testServer()
  const names = Array.from({ length: 7 }, (_, i) => `web-${i}`)
  for (const name of names) await report(server, [observed(name, { 'x.padding': noise(900_000) })])
  using snapshot = await new Watcher(server).reached(7n)
  using changes = await new Watcher(server, { resume: at(0n) }).reached(7n)
  const history = await historyOf(server.url)
  expect(sorted(viewOf(snapshot.steps))).toEqual(sorted(stateAt(history, 7n)))
  expect(sorted(viewOf(changes.steps))).toEqual(sorted(stateAt(history, 7n)))
})

const LISTED = new Set(['machine', 'service', 'instance'])

/** What the lists give as of a revision. */
async function listedAt({ state }: Clients, revision: bigint): Promise<View> {
  const request = { pageSize: 250, pageToken: '', filter: '', orderBy: '', readTime: undefined, revision }
  const [{ machines }, { services }, { instances }] = await Promise.all([
    called<ListMachinesResponse>((done) => state.listMachines(request, done)),
    called<ListServicesResponse>((done) => state.listServices(request, done)),
    called<ListInstancesResponse>((done) => state.listInstances(request, done)),
  ])
  const images = [
    ...machines.map((value) => imageOf({ resource: { $case: 'machine', value } })),
    ...services.map((value) => imageOf({ resource: { $case: 'service', value } })),
    ...instances.map((value) => imageOf({ resource: { $case: 'instance', value } })),
  ]
  return new Map(images.map((image) => [image.key, image]))
}

/** Text that does not compress to nothing. */
const noise = (length: number): string =>
  Array.from({ length: Math.ceil(length / 10) }, () => Math.random().toString(36).slice(2, 12).padEnd(10))
    .join('')
    .slice(0, length)
