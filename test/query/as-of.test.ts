import { afterAll, beforeAll, expect, test } from 'vitest'
import { Timestamp } from '../../proto/gen/google/protobuf/timestamp.ts'
import { Instance_State } from '../../proto/gen/holdfast/v1/service.ts'
import { MachineView } from '../../proto/gen/holdfast/v1/state_service.ts'
import { VersionCell_Drift } from '../../proto/gen/holdfast/v1/version.ts'
import { errorInfoOf } from '../harness/error-info.ts'
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

test('a read of a revision shows what was true then, and of now what is true now', async () => {
  const first = await report(server, [started('web-0', 'airship', '1')])
  const second = await report(server, [stopped('web-0', 'airship')])
  const name = 'instances/web-0~airship'

  const then = await calls.getInstance({ name, revision: first.revision })
  expect(then.instance?.state).toBe(Instance_State.RUNNING)
  expect(then.revision).toBe(first.revision)
  const now = await calls.getInstance({ name })
  expect(now.instance?.state).toBe(Instance_State.STOPPED)
  expect(now.revision).toBe(second.revision)

  const error = await calls.getInstance({ name, revision: first.revision - 1n }).catch((caught) => caught)
  // Before its first revision there is no ledger to speak of, or no such instance.
  if (first.revision > 1n) expect(errorInfoOf(error).reason).toBe('NOT_FOUND')
})

test('a read of a time shows the last revision committed by then, again and again', async () => {
  const before = await report(server, [started('web-1', 'airship', '1')])
  const { instance } = await calls.getInstance({ name: 'instances/web-1~airship' })
  const readTime = instance!.updateTime!
  const after = await report(server, [started('web-1', 'airship', '2')])
  for (let again = 0; again < 2; again++) {
    const { instance: then, revision } = await calls.getInstance({
      name: 'instances/web-1~airship',
      readTime,
    })
    expect(revision).toBe(before.revision)
    expect(then?.runningVersion).toBe('1')
  }
  expect((await calls.getInstance({ name: 'instances/web-1~airship' })).revision).toBe(after.revision)
  const long = await calls.listMachines({ readTime: Timestamp.fromPartial({ seconds: 1_000_000n }) })
  expect(long.machines).toEqual([])
  expect(long.revision).toBe(0n)
})

test('pages of one listing all show the revision of the first', async () => {
  const machines = Array.from({ length: 7 }, (_, i) => `page-${i}`)
  await report(
    server,
    machines.map((machine) => started(machine, 'paged', '1')),
  )
  const seen: string[] = []
  const filter = 'service = paged AND state = RUNNING'
  let page = await calls.listInstances({ filter, pageSize: 3 })
  const { revision } = page
  for (let n = 0; ; n++) {
    seen.push(...page.instances.map(({ name, runningVersion }) => `${name}@${runningVersion}`))
    if (page.nextPageToken === '') break
    // Between the pages everything stops, and another one starts.
    await report(server, [...machines.map((m) => stopped(m, 'paged')), started(`page-${n}x`, 'paged', '9')])
    page = await calls.listInstances({ filter, pageSize: 3, pageToken: page.nextPageToken })
    expect(page.revision).toBe(revision)
  }
  expect(seen).toEqual(machines.map((machine) => `instances/${machine}~paged@1`))
})

test('"last seen" moves without a revision, and stands still in a read of the past', async () => {
  const attributes = { 'host.cpu.logical.count': 8 }
  const { revision } = await report(server, [observed('seen-0', attributes)])
  const first = await calls.getMachine({ name: 'machines/seen-0', view: MachineView.FULL })
  await report(server, [observed('seen-0', attributes)])
  const now = await calls.getMachine({ name: 'machines/seen-0', view: MachineView.FULL })
  const then = await calls.getMachine({ name: 'machines/seen-0', view: MachineView.FULL, revision })
  const listed = await calls.listMachines({ filter: 'name = seen-0' })

  const micros = (time: Timestamp | undefined): bigint =>
    time!.seconds * 1_000_000n + BigInt(time!.nanos / 1000)
  expect(now.machine?.revision).toBe(revision)
  expect(micros(now.machine?.observedTime)).toBeGreaterThan(micros(first.machine?.observedTime))
  expect(listed.machines[0]?.observedTime).toEqual(now.machine?.observedTime)
  expect(then.machine?.observedTime).toEqual(first.machine?.observedTime)
  expect(now.machine?.facets[0]?.attributes).toEqual(attributes)
  expect(micros(now.machine?.facets[0]?.observedTime)).toBeGreaterThan(
    micros(then.machine?.facets[0]?.observedTime),
  )
  expect(listed.machines[0]?.facets).toEqual([])
})

test('versions stand side by side with their drift, now and then', async () => {
  await report(server, [deployed('matrix', '2', ['m-0', 'm-1']), started('m-1', 'matrix', '1')])
  const undeclared = await calls.listVersions({ filter: 'service = matrix' })
  expect(undeclared.cells.map(({ drift }) => drift)).toEqual([
    VersionCell_Drift.UNDECLARED,
    VersionCell_Drift.UNRESTARTED,
  ])
  await calls.declareService({ name: 'services/matrix', environment: 'production', version: '10' })
  const { cells } = await calls.listVersions({ filter: 'service = matrix' })
  expect(
    cells.map((cell) => [cell.machine, cell.declaredVersion, cell.deployedVersion, cell.runningVersion]),
  ).toEqual([
    ['machines/m-0', '10', '2', ''],
    ['machines/m-1', '10', '2', '1'],
  ])
  expect(cells.map(({ drift }) => drift)).toEqual([VersionCell_Drift.BEHIND, VersionCell_Drift.BEHIND])
  const then = await calls.listVersions({ filter: 'service = matrix', revision: undeclared.revision })
  expect(then.cells).toEqual(
    undeclared.cells.map((cell) => ({
      ...cell,
      observedTime: then.cells.find(({ machine }) => machine === cell.machine)?.observedTime,
    })),
  )
})

test('a retired machine is active in the past', async () => {
  const { revision } = await report(server, [started('old-0', 'airship')])
  await calls.retireMachine({ name: 'machines/old-0', reason: 'sold' })
  const names = async (request: { revision?: bigint }) =>
    (await calls.listMachines({ filter: 'lifecycle = RETIRED', ...request })).machines.map(({ name }) => name)
  expect(await names({})).toEqual(['machines/old-0'])
  expect(await names({ revision })).toEqual([])
})
