import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Forwarder, Spool, SpoolLimiter } from '@holdfast/agent/spool'
import { Holdfast, type OutgoingEvent } from '@holdfast/sdk'
import { decodeEvent, event } from '@holdfast/sdk/spooled-event'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until } from '../harness/wait.ts'

failOnLeaks()

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-spool-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const machine = 'worker-0'
const dayMs = 86_400_000
const heartbeat = (index: number) => event.heartbeat(`service-${index}`, { machine })
const hardware = (cpus: number) =>
  event.observed(machine, { facets: { hardware: { 'host.cpu.logical.count': cpus } } })

/** What a spool holds, oldest first, but for the notes. */
function kept(spool: Spool): OutgoingEvent[] {
  return spool
    .segments()
    .flatMap((segment) => spool.read(segment).events.map(decodeEvent))
    .filter(({ payload }) => payload.$case !== 'noteRecorded')
}

const casesIn = (spool: Spool) => kept(spool).map(({ payload }) => payload.$case)

test('a full spool drops heartbeats first, and nothing more than it must', () => {
  const spool = new Spool(directory)
  spool.appendAll([hardware(1), ...Array.from({ length: 100 }, (_, index) => heartbeat(index)), hardware(2)])
  spool.append(event.started('airship', { machine }))
  new SpoolLimiter(spool, { maxBytes: spool.bytes - 1, maxAgeMs: dayMs }).step()
  expect(casesIn(spool)).toEqual(['machineObserved', 'machineObserved', 'instanceStarted'])
  expect(spool.dropped()).toMatchObject([{ heartbeats: 100, supersededFacts: 0 }])
})

test('then facts that a newer one replaces, and starts, stops and deployments never', () => {
  const spool = new Spool(directory)
  const started = Array.from({ length: 50 }, (_, index) => event.started(`service-${index}`, { machine }))
  spool.appendAll([
    ...started,
    event.stopped('airship', { machine }),
    event.deployed('airship', { version: '1', machines: [machine] }),
    hardware(1),
    event.observed(machine, { labels: { rack: 'a' }, facets: { hardware: {} } }),
    event.observed(machine, { complete: false, facets: { os: {} } }),
    heartbeat(0),
    hardware(2),
  ])
  new SpoolLimiter(spool, { maxBytes: 100, maxAgeMs: dayMs }).step()
  expect(casesIn(spool)).toEqual([
    ...started.map(() => 'instanceStarted'),
    'instanceStopped',
    'deploymentRecorded',
    // Its labels are told by no later one, the one of a part of a side by no complete one, the last by none at all.
    'machineObserved',
    'machineObserved',
    'machineObserved',
  ])
  expect(spool.dropped()).toMatchObject([{ heartbeats: 1, supersededFacts: 1 }])
})

test('what may be dropped goes when it is too old, whatever the size', () => {
  const spool = new Spool(directory)
  const occurredAt = new Date(Date.now() - 3 * dayMs)
  spool.appendAll([
    event.heartbeat('airship', { machine, occurredAt }),
    event.started('airship', { machine, occurredAt }),
    heartbeat(0),
  ])
  const later = Date.now() + 2 * dayMs
  new SpoolLimiter(spool, { maxBytes: 1e9, maxAgeMs: 4 * dayMs }).step(later)
  expect(spool.dropped()).toEqual([])
  new SpoolLimiter(spool, { maxBytes: 1e9, maxAgeMs: dayMs + dayMs / 2 }).step(later)
  expect(casesIn(spool)).toEqual(['instanceStarted'])
})

test('what was dropped is told on the timeline, what stays lands in order, and no gap is left', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const spool = new Spool(directory)
  for (let turn = 0; turn < 10; turn++) {
    spool.appendAll([heartbeat(turn), event.started(`service-${turn}`, { machine })])
  }
  new SpoolLimiter(spool, { maxBytes: 10, maxAgeMs: dayMs }).step()
  spool.append(event.stopped('airship', { machine }))
  const { settled, refused } = await new Forwarder({ spool, client }).drain()
  expect({ settled, refused }).toEqual({ settled: 12, refused: [] })
  const told: string[] = []
  for await (const { event: one } of client.listTimeline()) {
    const payload = one?.payload
    if (payload?.$case === 'noteRecorded') told.push(payload.value.text)
    if (payload?.$case === 'instanceStarted') told.push(payload.value.service)
    if (payload?.$case === 'instanceStopped') told.push('stopped')
  }
  expect(told.reverse()).toEqual([
    ...Array.from({ length: 10 }, (_, turn) => `service-${turn}`),
    expect.stringMatching(/over its limits and dropped 10 heartbeats and 0 superseded facts/),
    'stopped',
  ])
  for await (const source of client.listSources())
    expect(source.numberings.flatMap(({ gaps }) => gaps)).toEqual([])
})

test('an agent whose server is away holds its spool to its limits, and goes on when it is back', async () => {
  const spool = new Spool(directory)
  spool.appendAll([
    ...Array.from({ length: 100 }, (_, turn) => heartbeat(turn)),
    event.started('airship', { machine }),
  ])
  await using server = await testServer()
  await using proxy = await tcpProxy('127.0.0.1:1')
  await using client = Holdfast.lazy({ address: proxy.address })
  const limits = { maxBytes: 1_000, maxAgeMs: dayMs }
  const forwarder = new Forwarder({ spool, client, limits, patienceMs: 2_000 })
  forwarder.start()
  try {
    await until('the heartbeats to go', () => spool.dropped().length > 0)
    expect(casesIn(spool)).toEqual(['instanceStarted'])
    expect(spool.dropped()).toMatchObject([{ heartbeats: 100 }])
    proxy.moveTo(server.address)
    await until('what stayed to be settled', () => spool.bytes === 0)
  } finally {
    await forwarder.stop()
  }
})

test('I2: killed between the new segment and the end of the old one: every start once, and the note', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const spool = new Spool(directory)
  spool.appendAll([
    heartbeat(0),
    event.started('airship', { machine }),
    event.started('billing', { machine }),
  ])
  const { path } = spool.seal(spool.segments()[0]!)
  const before = readFileSync(path)
  new SpoolLimiter(spool, { maxBytes: 10, maxAgeMs: dayMs }).step()
  writeFileSync(path, before)
  expect(spool.segments()).toHaveLength(2)
  // Whoever cuts again finds the epoch taken, and leaves it at that.
  new SpoolLimiter(spool, { maxBytes: 10, maxAgeMs: dayMs }).step()
  expect(spool.dropped()).toHaveLength(1)
  const { refused } = await new Forwarder({ spool, client }).drain()
  expect(refused).toEqual([])
  const told: string[] = []
  for await (const { event: one } of client.listTimeline()) told.push(one?.payload?.$case ?? '')
  // The heartbeat was still there to be sent.
  const others = told.filter((one) => one !== 'instanceHeartbeat')
  expect(others.toSorted()).toEqual(['instanceStarted', 'instanceStarted', 'noteRecorded'])
  expect(spool.segments()).toEqual([])
})

test('I2: a forwarder that is at a segment while it is cut: every start once', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const spool = new Spool(directory)
  const names = Array.from({ length: 500 }, (_, turn) => `service-${turn}`)
  spool.appendAll(names.flatMap((name) => [heartbeat(0), event.started(name, { machine })]))
  const forwarder = new Forwarder({ spool, client })
  const draining = forwarder.drain()
  new SpoolLimiter(spool, { maxBytes: 10, maxAgeMs: dayMs }).step()
  await draining
  await forwarder.drain()
  const seen: string[] = []
  for await (const { event: one } of client.listTimeline({ filter: `machine = ${machine}` })) {
    if (one?.payload?.$case === 'instanceStarted') seen.push(one.payload.value.service)
  }
  expect(seen.sort()).toEqual(names.toSorted())
  expect(spool.segments()).toEqual([])
})
