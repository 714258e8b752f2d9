import { pino } from 'pino'
import { expect, test } from 'vitest'
import { CompactedError, EpochChangedError, Holdfast, type Revision } from '../../sdk/src/index.ts'
import { compactChanges } from '../../server/src/store/compact-changes.ts'
import { openStore } from '../../server/src/store/store.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { comparable, delivered, historyOf, sorted, sql, stateAt, viewOf } from './history.ts'
import { report, started } from './reports.ts'
import { Watcher } from './watcher.ts'

failOnLeaks()

const outOfRange = 11
const failedPrecondition = 9
const at = (revision: bigint, ledgerEpoch = 1n, snapshotCursor = '') => ({
  ledgerEpoch,
  revision: revision as Revision,
  snapshotCursor,
})

/** Six revisions that change one instance again and again, and make others. */
async function writeSix(server: TestServer): Promise<void> {
  for (let i = 1; i <= 6; i++) {
    await report(server, [started(`web-${i % 3}`, 'airship', `v${i}`)])
  }
}

/** Compacts up to the present head, as happens when all of it is older than what is kept. */
async function compact(server: TestServer): Promise<bigint> {
  const store = await openStore({ url: server.url, log: pino({ level: 'silent' }) })
  try {
    const { rows } = await sql<{ now: Date }>(server.url, `select clock_timestamp() + interval '1 s' as now`)
    return (await compactChanges(store, rows[0]!.now))!
  } finally {
    await store.close()
  }
}

test('W11 a revision that is not kept, or not there yet, is a typed error; what is kept is whole', async () => {
  await using server = await testServer()
  await writeSix(server)
  const before = await historyOf(server.url)
  expect(await compact(server)).toBe(6n)
  await report(server, [started('web-0', 'airship', 'new')])
  const { revision: head } = await report(server, [started('web-9', 'airship')])
  const kept = (await historyOf(server.url)).filter(({ revision }) => revision > 6n)
  const history = [...before, ...kept]

  // In the writer's memory and in the database alone.
  await using reader = await testServer({ databaseUrl: server.url })
  for (const { state } of [server, reader]) {
    for (let revision = 0n; revision < 6n; revision++) {
      using lost = new Watcher({ state }, { resume: at(revision) })
      expect(await lost.refused()).toEqual({
        code: outOfRange,
        reason: 'REVISION_COMPACTED',
        metadata: { revision: String(revision), compacted: '6' },
      })
      expect(lost.steps).toEqual([])
    }
    using ahead = new Watcher({ state }, { resume: at(head + 1n) })
    expect(await ahead.refused()).toMatchObject({ code: outOfRange, reason: 'REVISION_AHEAD' })
    using atTheEdge = await new Watcher({ state }, { resume: at(6n) }).reached(head)
    expect(comparable(delivered(atTheEdge.revisions))).toEqual(comparable(kept))
    using midSnapshot = await new Watcher(
      { state },
      { resume: at(6n, 1n, 'machine:machines/web-1') },
    ).reached(head)
    expect(midSnapshot.steps[0]).toMatchObject({ $case: 'snapshot' })
    using snapshot = await new Watcher({ state }).reached(head)
    expect(sorted(viewOf(snapshot.steps))).toEqual(sorted(stateAt(history, head)))
    // Removals are told by what was before, which a compaction keeps.
    using leaving = new Watcher({ state }, { resume: at(6n), filter: 'running_version = "v6"' })
    await leaving.reached(7n)
    expect(leaving.revisions.map(({ revision }) => revision)).toEqual([7n])
  }
})

test('W11 with reset_if_lost a lost position becomes a new snapshot that is marked', async () => {
  await using server = await testServer()
  await writeSix(server)
  await compact(server)
  const { revision: head } = await report(server, [started('web-9', 'airship')])
  const history = [...(await historyOf(server.url))]
  for (const lost of [at(3n), at(3n, 1n, 'instance:'), at(3n, 9n), at(head + 1n)]) {
    using watcher = await new Watcher(server, { resume: lost, resetIfLost: true }).reached(head)
    const marks = watcher.steps.flatMap((step) => (step.$case === 'snapshot' ? [step.value.reset] : []))
    expect(marks[0]).toBe(true)
    expect(marks.slice(1).every((mark) => !mark)).toBe(true)
    expect(sorted(viewOf(watcher.steps))).toEqual(sorted(stateAt(history, head)))
  }
  using nothing = new Watcher(server, { resume: at(3n), resetIfLost: true, filter: 'name = "nobody"' })
  await nothing.reached(head)
  expect(nothing.steps[0], 'also a snapshot of nothing is marked').toMatchObject({
    $case: 'snapshot',
    value: { reset: true, resources: [] },
  })
})

test('W11 a new epoch ends every watch with a typed error, and no position of the old one passes', async () => {
  await using server = await testServer()
  await using other = await testServer({ databaseUrl: server.url })
  await writeSix(server)
  const watchers = [server, other].flatMap((at) => [
    new Watcher(at),
    new Watcher(at, { filter: 'kind = machine' }),
  ])
  await Promise.all(watchers.map((watcher) => watcher.following()))
  using resetting = await new Watcher(server, { resetIfLost: true }).following()
  await restore(server, 4n)

  const { ledgerEpoch, revision: head } = await report(server, [started('after', 'airship')])
  expect(ledgerEpoch).toBe(2n)
  for (const watcher of watchers) {
    using _ = watcher
    expect(await watcher.refused()).toMatchObject({ code: failedPrecondition, reason: 'EPOCH_CHANGED' })
    expect(JSON.stringify(comparable(delivered(watcher.revisions))), 'of another history').not.toContain(
      'after',
    )
  }
  for (const revision of [2n, head, head + 1n]) {
    using old = new Watcher(other, { resume: at(revision) })
    expect(await old.refused()).toEqual({
      code: failedPrecondition,
      reason: 'EPOCH_CHANGED',
      metadata: { requestedEpoch: '1', epoch: '2' },
    })
  }
  await resetting.reached(head)
  expect(resetting.position).toMatchObject({ ledgerEpoch: 2n })
  const history = await historyOf(server.url)
  expect(sorted(viewOf(resetting.steps))).toEqual(sorted(stateAt(history, head)))
})

test('W11 a database that lost revisions without a word begins a new epoch at whoever knew better', async () => {
  await using server = await testServer()
  await using other = await testServer({ databaseUrl: server.url })
  await writeSix(server)
  using reading = await new Watcher(other).following()
  await restore(server, 4n, { epoch: 1n })
  // The server that only reads notices, at its next look.
  expect(await reading.refused()).toMatchObject({ reason: 'EPOCH_CHANGED' })
  const { ledgerEpoch } = await report(server, [started('after', 'airship')])
  expect(ledgerEpoch).toBe(2n)
})

test('W11 the SDK throws what was lost, or starts over when asked', async () => {
  await using server = await testServer()
  await writeSix(server)
  await compact(server)
  await using holdfast = await Holdfast.connect({ address: server.address })
  await expect(first(holdfast.watchState({ resume: at(3n) }))).rejects.toBeInstanceOf(CompactedError)
  await expect(first(holdfast.watchState({ resume: at(6n, 7n) }))).rejects.toBeInstanceOf(EpochChangedError)
  expect(await first(holdfast.watchState({ resume: at(3n), onLost: 'reset' }))).toMatchObject({
    type: 'snapshot',
    reset: true,
    revision: 6n,
  })
})

async function first<T>(steps: AsyncIterable<T>): Promise<T> {
  for await (const step of steps) return step
  throw new Error('the watch ended')
}

/** Takes the database back to a revision, as a restore does; a new epoch unless nobody noticed. */
async function restore({ url }: TestServer, revision: bigint, { epoch = 2n } = {}): Promise<void> {
  await sql(
    url,
    `begin;
     select 1 from ledger for update;
     delete from change where revision > ${revision};
     delete from ledger_commit where revision > ${revision};
     update ledger set head = ${revision}, epoch = ${epoch};
     ${['machine', 'service', 'instance'].map((table) => `delete from ${table} where create_revision > ${revision};`).join('\n')}
     update instance t set revision = c.revision, body = c.body
       from (select distinct on (resource_id) * from change order by resource_id, change.revision desc) c
       where c.resource_id = t.id and t.revision > ${revision};
     commit`,
  )
}
