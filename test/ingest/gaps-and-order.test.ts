import pg from 'pg'
import { expect, test } from 'vitest'
import type { SeqRange } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { Alias_Kind } from '../../proto/gen/holdfast/v1/machine.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { report } from '../harness/reports.ts'
import { testServer } from '../harness/server.ts'
import { callsOf } from '../query/calls.ts'
import { IngestCall, ingest, noted, now, startedAs } from './ingest-call.ts'

failOnLeaks()

const ranges = (gaps: SeqRange[]) => gaps.map(({ first, last }) => [first, last])
const notes = (...seqs: number[]) => seqs.map((seq) => noted(`n${seq}`, { seq }))

test('I3 a gap is shown, and closes when filled', async () => {
  await using database = await testServer()
  const numbering = { source: 'agent/web-0', epoch: 7n }
  {
    await using server = await testServer({ databaseUrl: database.url })
    using call = new IngestCall(server)
    call.send(notes(1, 2, 5, 9), numbering)
    await call.acked(1)
    expect(call.outcomes[0]).toMatchObject({ ackedSeq: 9n, accepted: 4 })
    expect(ranges(call.outcomes[0]!.gaps)).toEqual([
      [3n, 4n],
      [6n, 8n],
    ])
    call.send(notes(7), numbering)
    await call.acked(2)
    expect(ranges(call.outcomes[1]!.gaps)).toEqual([
      [3n, 4n],
      [6n, 6n],
      [8n, 8n],
    ])
    await call.finished()
  }
  await using server = await testServer({ databaseUrl: database.url })
  const { listSources } = callsOf(server)
  const { sources } = await listSources({})
  expect(sources.map(({ source }) => source)).toContain('agent/web-0')
  const [shown] = sources.find(({ source }) => source === 'agent/web-0')!.numberings
  expect(shown).toMatchObject({ epoch: 7n, highWater: 9n })
  expect(ranges(shown!.gaps)).toEqual([
    [3n, 4n],
    [6n, 6n],
    [8n, 8n],
  ])
  const filled = await ingest(server, notes(8, 6, 4, 3), numbering)
  expect(filled).toMatchObject({ accepted: 4, ackedSeq: 9n, gaps: [] })
  const after = await listSources({})
  expect(after.sources.find(({ source }) => source === 'agent/web-0')!.numberings[0]).toMatchObject({
    highWater: 9n,
    gaps: [],
  })
})

test('I3 each numbering of a source has gaps of its own', async () => {
  await using server = await testServer()
  expect(ranges((await ingest(server, notes(3), { epoch: 1n })).gaps)).toEqual([[1n, 2n]])
  expect(ranges((await ingest(server, notes(2), { epoch: 2n })).gaps)).toEqual([[1n, 1n]])
  expect(ranges((await ingest(server, notes(1), { epoch: 1n })).gaps)).toEqual([[2n, 2n]])
})

test('I3 two servers fill one another’s gaps', async () => {
  await using one = await testServer()
  await using two = await testServer({ databaseUrl: one.url })
  const all = notes(...Array.from({ length: 400 }, (_, i) => i + 1))
  const every = (rest: number) => all.filter((_, i) => i % 4 === rest)
  const sends = [every(3), every(1), every(2), every(0)].map((part, i) => ingest(i % 2 ? one : two, part))
  await Promise.all(sends)
  expect(await ingest(one, all.slice(-1))).toMatchObject({ ackedSeq: 400n, gaps: [], duplicates: 1 })
})

test('I4 per source in order: many sources at once, each folded in the order in which it was sent', async () => {
  await using one = await testServer()
  await using two = await testServer({ databaseUrl: one.url })
  const sources = ['a', 'b', 'c', 'd']
  const calls = sources.map((_, i) => new IngestCall(i % 2 ? one : two))
  // Of one instant, so that only the order in which they come tells them apart.
  const at = now()
  for (let seq = 1; seq <= 120; seq += 3) {
    for (const [i, source] of sources.entries()) {
      const events = [seq, seq + 1, seq + 2].map((n) => startedAs(source, `v${n}`, { seq: n, at }))
      calls[i]!.send(events, { source })
    }
  }
  for (const call of calls) {
    const outcomes = await call.finished()
    expect(outcomes.map(({ ackedSeq }) => ackedSeq)).toEqual(
      Array.from({ length: 40 }, (_, i) => BigInt(3 * (i + 1))),
    )
    expect(call.answers.map(({ ackedBatches }) => ackedBatches)).toEqual(
      Array.from({ length: call.answers.length }, (_, i) => BigInt(i + 1)),
    )
  }
  const { instances } = await callsOf(one).listInstances({})
  expect(instances.map(({ runningVersion }) => runningVersion)).toEqual(['v120', 'v120', 'v120', 'v120'])
  const client = new pg.Client({ connectionString: one.url })
  await client.connect()
  const { rows } = await client.query(
    `select array_agg(seq::int order by revision) as seqs from event group by source_id`,
  )
  await client.end()
  const inOrder = Array.from({ length: 120 }, (_, i) => i + 1)
  expect(rows.map(({ seqs }) => seqs)).toEqual([inOrder, inOrder, inOrder, inOrder])
})

test('I4 per source in order: what comes late does not overturn what came after it', async () => {
  await using server = await testServer()
  const at = now()
  await ingest(server, [startedAs('web-0', 'v3', { seq: 3, at })])
  await ingest(server, [startedAs('web-0', 'v2', { seq: 2, at })])
  await ingest(server, [startedAs('web-0', 'v1', { seq: 1, at })])
  const { instance } = await callsOf(server).getInstance({ name: 'instances/web-0~airship' })
  expect(instance!.runningVersion).toBe('v3')
})

test('labels of an earlier look that comes late do not overturn those that were told since, by a look or by hand', async () => {
  await using server = await testServer()
  const calls = callsOf(server)
  const aliases = [{ kind: Alias_Kind.MACHINE_ID, value: 'm-0' }]
  const labelled = (
    machine: { id: string; aliases?: typeof aliases },
    labels: Record<string, string>,
    minutesAgo: number,
  ) => ingest(server, [report('machineObserved', { machine, labels }, { at: now(-minutesAgo * 60_000) })])
  await labelled({ id: 'web-0', aliases }, { env: 'b' }, 10)
  await labelled({ id: 'web-0' }, { env: 'b' }, 2)
  await labelled({ id: '', aliases }, { env: 'a', rack: 'r1' }, 5)
  const labels = async () => (await calls.getMachine({ name: 'machines/web-0' })).machine!.labels
  expect(await labels()).toEqual({ env: 'b', rack: 'r1' })
  await calls.updateMachine({ name: 'machines/web-0', labels: { env: 'c', rack: '' } })
  await labelled({ id: 'web-0' }, { env: 'a', rack: 'r1', team: 'web' }, 1)
  expect(await labels()).toEqual({ env: 'c', team: 'web' })
  await labelled({ id: 'web-0' }, { env: 'd' }, 0)
  expect(await labels()).toEqual({ env: 'd', team: 'web' })
})
