import { Holdfast } from '@holdfast/sdk'
import { Freshness, VersionCell_Drift } from '@holdfast/sdk/messages'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../harness/server.ts'
import { eventOf, machineRef, report } from '../watch/reports.ts'

let server: TestServer
let holdfast: Holdfast
beforeAll(async () => {
  server = await testServer()
  holdfast = await Holdfast.connect({ address: server.address })
})
afterAll(async () => {
  holdfast.close()
  await server[Symbol.asyncDispose]()
})

const { BEHIND, NONE, UNDECLARED, UNRESTARTED } = VersionCell_Drift
const INTERVAL = { seconds: 30n, nanos: 0 }

const cells = async (filter: string, options = {}) => {
  const found = await holdfast.listVersions({ filter, ...options }).toArray()
  return found.map(({ machine, drift, freshness, stale }) => [machine.split('/')[1], drift, freshness, stale])
}

/** A report that is `minutes` old. */
function ago(minutes: number, event: ReturnType<typeof eventOf>) {
  const occurredTime = { ...event.occurredTime!, seconds: event.occurredTime!.seconds - BigInt(minutes * 60) }
  return { ...event, occurredTime }
}

const beats = (machine: string, service: string, version: string) =>
  eventOf({
    $case: 'instanceHeartbeat',
    value: { machine: machineRef(machine), service, slot: '', version, interval: INTERVAL },
  })

const machineBeats = (machine: string) =>
  eventOf({
    $case: 'machineHeartbeat',
    value: { machine: machineRef(machine), interval: INTERVAL, processesUnchanged: false, facetDigests: {} },
  })

test('versions that nobody has reported since are unknown because stale, beside the last verdict', async () => {
  await holdfast.declareService('airship', { environment: 'production', version: '2' })
  await report(server, [
    beats('fresh', 'airship', '1'),
    ago(3, beats('late', 'airship', '2')),
    ago(20, beats('silent', 'airship', '1')),
    ago(20, machineBeats('by-machine')),
  ])
  const run = await holdfast.startRun({
    kind: 'deploy',
    service: 'airship',
    version: '1',
    machines: ['by-machine'],
  })
  await run.finish('succeeded')
  expect(await cells('service = airship')).toEqual([
    ['by-machine', BEHIND, Freshness.SILENT, true],
    ['fresh', BEHIND, Freshness.FRESH, false],
    ['late', NONE, Freshness.LATE, true],
    ['silent', BEHIND, Freshness.SILENT, true],
  ])
  expect(await cells('service = airship AND freshness = SILENT')).toHaveLength(2)
  expect(await cells('(freshness = LATE OR freshness = SILENT) AND drift = BEHIND')).toHaveLength(2)
  await report(server, [machineBeats('by-machine'), beats('silent', 'airship', '1')])
  expect(await cells('drift = BEHIND AND NOT freshness = FRESH')).toEqual([])
})

test('the past knows no freshness, and nothing of it is stale', async () => {
  const { revision } = await report(server, [ago(20, beats('past', 'blimp', '1'))])
  expect(await cells('service = blimp', { asOf: revision })).toEqual([
    ['past', UNDECLARED, Freshness.UNSPECIFIED, false],
  ])
  await expect(cells('freshness = SILENT', { asOf: revision })).rejects.toMatchObject({
    reason: 'FILTER_INVALID',
  })
})

test('versions are filtered by drift, page by page, with what else is asked', async () => {
  for (let i = 0; i < 6; i++) await report(server, [beats(`page-${i}`, 'zeppelin', String(1 + (i % 3)))])
  await holdfast.declareService('zeppelin', { environment: 'production', version: '2' })
  const pages = []
  for await (const page of holdfast
    .listVersions({ filter: 'service = zeppelin AND drift = BEHIND', pageSize: 1 })
    .pages()) {
    pages.push(page.items.map(({ machine }) => machine))
  }
  expect(pages).toEqual([['machines/page-0'], ['machines/page-3']])
  expect(await cells('drift = AHEAD AND machine = page-2')).toHaveLength(1)
  expect(await cells('NOT drift = NONE AND service = zeppelin')).toHaveLength(4)
  await expect(cells('drift = AHEAD OR machine = page-2')).rejects.toMatchObject({ reason: 'FILTER_INVALID' })
  await expect(cells('drift = SIDEWAYS')).rejects.toMatchObject({ reason: 'FILTER_INVALID' })
})

test('a drift says since when, and by which run', async () => {
  await report(server, [beats('since', 'balloon', '1')])
  const cell = async () => (await holdfast.listVersions({ filter: 'service = balloon' }).toArray())[0]!
  const started = (await cell()).stateTime
  expect(await cell()).toMatchObject({ drift: UNDECLARED, driftTime: started })
  await holdfast.declareService('balloon', { environment: 'production', version: '2' })
  const [declared] = (await holdfast.getService('balloon')).declaredVersions
  expect(await cell()).toMatchObject({ drift: BEHIND, driftTime: declared!.declareTime })
  const run = await holdfast.startRun({
    kind: 'deploy',
    service: 'balloon',
    version: '2',
    machines: ['since'],
  })
  await run.finish('succeeded')
  const deployed = await cell()
  expect(deployed).toMatchObject({
    drift: UNRESTARTED,
    deploymentId: run.name,
    driftTime: deployed.deployTime,
  })
})
