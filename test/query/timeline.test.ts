import { randomUUID } from 'node:crypto'
import { Holdfast } from '@holdfast/sdk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Event } from '../../proto/gen/holdfast/v1/event.ts'
import { TimelineEntry_Effect } from '../../proto/gen/holdfast/v1/timeline.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { deployed, observed, report, started, stopped } from '../watch/reports.ts'
import { callsOf } from './calls.ts'

let server: TestServer
let calls: ReturnType<typeof callsOf>
beforeAll(async () => {
  server = await testServer()
  calls = callsOf(server)
})
afterAll(() => server[Symbol.asyncDispose]())

const at = (seconds: number) => ({
  seconds: BigInt(Math.floor(Date.now() / 1000)) + BigInt(seconds),
  nanos: 0,
})

test('tells what happened to a machine, newest first, with what it changed', async () => {
  await report(server, [
    { ...observed('tell-0', { 'host.cpu.logical.count': 4 }), occurredTime: at(-50) },
    { ...started('tell-0', 'airship', '1'), occurredTime: at(-40) },
    { ...started('tell-1', 'airship', '1'), occurredTime: at(-40) },
    { ...deployed('airship', '2', ['tell-0', 'tell-1']), occurredTime: at(-30) },
    { ...started('tell-0', 'airship', '2'), occurredTime: at(-20) },
    { ...observed('tell-0', { 'host.cpu.logical.count': 8 }), occurredTime: at(-10) },
  ])
  await calls.retireMachine({ name: 'machines/tell-0', reason: 'sold' })
  const { entries } = await calls.listTimeline({ filter: 'machine = tell-0' })
  expect(entries.map(({ event }) => event?.payload?.$case)).toEqual([
    'resourceAmended',
    'machineObserved',
    'instanceStarted',
    'deploymentRecorded',
    'instanceStarted',
    'machineObserved',
  ])
  const changesOf = (index: number) =>
    entries[index]!.fieldChanges.map(({ field, oldValue, newValue }) => [field, oldValue, newValue])
  expect(changesOf(0)).toContainEqual(['lifecycle', 'ACTIVE', 'RETIRED'])
  expect(changesOf(0)).toContainEqual(['retire_reason', '', 'sold'])
  expect(changesOf(1)).toEqual([['host.cpu.logical.count', '4', '8']])
  expect(changesOf(2)).toEqual([['running_version', '1', '2']])
  // Of a deployment to several, a machine's timeline tells the machine's part.
  expect(entries[3]!.fieldChanges).toEqual([
    { resource: 'instances/tell-0~airship', field: 'deployed_version', oldValue: '', newValue: '2' },
  ])
  expect(entries[3]).toMatchObject({ machine: '', service: 'services/airship', environment: 'production' })
  expect(entries[4]).toMatchObject({ machine: 'machines/tell-0', source: 'watch-tests', epoch: 1n })
  expect(entries.every(({ effect }) => effect === TimelineEntry_Effect.CHANGED)).toBe(true)

  const { entries: whole } = await calls.listTimeline({
    filter: 'service = airship AND type = deployment_recorded',
  })
  expect(whole[0]!.fieldChanges.map(({ resource }) => resource)).toEqual([
    'instances/tell-0~airship',
    'instances/tell-1~airship',
  ])
})

test('pages of any size put together are the timeline, also where much occurred at one time', async () => {
  const events = Array.from({ length: 40 }, (_, i) => {
    const event =
      i % 4 === 0 ? deployed('many', `${i}`, ['many-0', `many-${i}`]) : started('many-0', 'many', `${i}`)
    return { ...event, occurredTime: at(-100 + Math.floor(i / 10)) }
  })
  await report(server, events)
  const idsOf = async (filter: string, pageSize: number): Promise<string[]> => {
    const ids: string[] = []
    let pageToken = ''
    do {
      const page = await calls.listTimeline({ filter, pageSize, pageToken })
      ids.push(...page.entries.map(({ event }) => event!.id))
      pageToken = page.nextPageToken
    } while (pageToken !== '')
    return ids
  }
  for (const filter of ['machine = many-0', 'service = many', 'machine = many-0 AND service = many']) {
    const whole = await idsOf(filter, 1000)
    expect([...whole].sort()).toEqual(events.map(({ id }) => id).sort())
    for (const pageSize of [1, 7, 39, 40]) expect(await idsOf(filter, pageSize)).toEqual(whole)
  }
  const deployments = await idsOf(
    'machine = many-0 AND type = DEPLOYMENT_RECORDED AND source = watch-tests',
    3,
  )
  expect(deployments).toHaveLength(10)
  expect(await idsOf('machine = many-0 AND type != deployment_recorded', 4)).toHaveLength(30)
  expect(await idsOf('machine = many-0 AND source = "other*"', 4)).toEqual([])
  expect(await idsOf('machine = none', 4)).toEqual([])
})

test('pages go on from the last month to what was before it, to the end', async () => {
  const day = 86_400
  const events = Array.from({ length: 12 }, (_, i) => ({
    ...(i % 3 === 0 ? deployed('aged', `${i}`, ['aged-0', 'aged-1']) : started('aged-0', 'aged', `${i}`)),
    occurredTime: at(-5 * day * (i + 1)),
  }))
  await report(server, events)
  const newestFirst = events.map(({ id }) => id)
  for (const filter of ['machine = aged-0', 'service = aged', 'machine = aged-0 AND service = aged']) {
    for (const pageSize of [1, 3, 4, 6, 7, 11, 12, 50]) {
      const pages: string[][] = []
      let pageToken = ''
      do {
        const page = await calls.listTimeline({ filter, pageSize, pageToken })
        pages.push(page.entries.map(({ event }) => event!.id))
        pageToken = page.nextPageToken
      } while (pageToken !== '')
      expect(pages.flat()).toEqual(newestFirst)
      expect(pages).toHaveLength(Math.ceil(events.length / pageSize))
    }
  }
})

test('a time range keeps what occurred at its start and not at its end', async () => {
  await report(server, [
    { ...started('range-0', 'ranged', '1'), occurredTime: at(-5) },
    { ...stopped('range-0', 'ranged'), occurredTime: at(-3) },
  ])
  const all = (await calls.listTimeline({ filter: 'machine = range-0' })).entries.map(({ event }) => event!)
  const [stop, start] = all as [(typeof all)[0], (typeof all)[0]]
  const ranged = await calls.listTimeline({
    filter: 'machine = range-0',
    startTime: start.occurredTime,
    endTime: stop.occurredTime,
  })
  expect(ranged.entries.map(({ event }) => event?.id)).toEqual([start.id])
})

test('what a tool says of an author is told, and entries are found by machine, service, environment and author', async () => {
  const holdfast = await Holdfast.connect({ address: server.address, owner: 'ada' })
  try {
    const about = { kind: 'deploy', service: 'filtered', version: '2' } as const
    const run = await holdfast.startRun({
      ...about,
      machines: ['by-0'],
      author: 'ada',
      environment: 'staging',
    })
    await run.finish('succeeded')
    const other = await holdfast.startRun({ ...about, machines: ['by-1', 'by-2'] })
    await other.finish('failed')
    const lock = await holdfast.acquireLock({ environment: 'staging', service: 'filtered' })
    await lock.release()
    // A release stands at the microseconds of the database; of the milliseconds of a client, the next is surely later.
    const occurredAt = new Date(Date.now() + 1)
    await holdfast.started('filtered', {
      ...{ machine: 'by-0', version: '2', environment: 'staging' },
      occurredAt,
    })

    const whats = async (filter: string): Promise<string[]> =>
      (await holdfast.listTimeline({ filter }).toArray()).map(({ event, author }) => {
        const payload = event?.payload
        const what = payload?.$case === 'resourceAmended' ? payload.value.method : payload?.$case
        return `${what} ${author === 'ada' ? 'by ada' : ''}`.trim()
      })
    expect(await whats('author = ada AND service = filtered')).toEqual([
      'AcquireLock by ada',
      'runFinished by ada',
      'runStarted by ada',
    ])
    expect(await whats('author = ada AND machine = by-0')).toEqual([
      'runFinished by ada',
      'runStarted by ada',
    ])
    expect(await whats('machine = by-0')).toEqual([
      'instanceStarted',
      'runFinished by ada',
      'runStarted by ada',
    ])
    expect(await whats('machine = by-2')).toEqual(['runFinished', 'runStarted'])
    expect(await whats('service = filtered AND environment = staging')).toEqual([
      'instanceStarted',
      'ReleaseLock',
      'AcquireLock by ada',
      'runFinished by ada',
      'runStarted by ada',
    ])
    expect(await whats('service = filtered AND environment = production')).toEqual([
      'runFinished',
      'runStarted',
    ])
  } finally {
    holdfast.close()
  }
})

test('every entry that changed something says what from what to what: runs, scans, starts, stops, hardware', async () => {
  const process = (pid: number) => ({
    pid: BigInt(pid),
    creationTime: at(-5000),
    executableName: 'redis-server',
    executablePath: '/usr/bin/redis-server',
    commandArgs: ['redis-server', '*:6379'],
    listeningPorts: [6379],
  })
  const scan = (...processes: object[]) =>
    Event.fromPartial({
      id: randomUUID(),
      occurredTime: at(-1),
      payload: {
        $case: 'processesObserved',
        value: { machine: { id: 'says-0' }, processes, complete: true },
      },
    })
  await report(server, [
    { ...observed('says-0', { 'host.cpu.logical.count': 4 }), occurredTime: at(-9) },
    { ...observed('says-0', { 'host.cpu.logical.count': 8 }), occurredTime: at(-8) },
    { ...started('says-0', 'says', '1'), occurredTime: at(-7) },
    { ...stopped('says-0', 'says'), occurredTime: at(-6) },
    scan(process(7)),
    { ...scan(), occurredTime: at(0) },
  ])
  const { entries } = await calls.listTimeline({ filter: 'machine = says-0' })
  expect(entries).toHaveLength(6)
  for (const entry of entries) {
    expect(entry.effect).toBe(TimelineEntry_Effect.CHANGED)
    expect(entry.fieldChanges).not.toEqual([])
    for (const { oldValue, newValue } of entry.fieldChanges) expect(oldValue).not.toBe(newValue)
  }
  const [gone, seen] = entries
  const states = (entry: (typeof entries)[0]) =>
    entry.fieldChanges
      .filter(({ field }) => field === 'state')
      .map(({ oldValue, newValue }) => [oldValue, newValue])
  expect(states(seen!)).toEqual([['', expect.stringMatching(/./)]])
  expect(states(gone!)).toEqual([[states(seen!)[0]![1], expect.stringMatching(/./)]])
})
