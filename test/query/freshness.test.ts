import { Holdfast } from '@holdfast/sdk'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Freshness, Process } from '../../proto/gen/holdfast/v1/machine.ts'
import { errorInfoOf } from '../harness/error-info.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { eventOf, machineRef, report, stopped } from '../watch/reports.ts'
import { callsOf } from './calls.ts'

let server: TestServer
let calls: ReturnType<typeof callsOf>
beforeAll(async () => {
  server = await testServer()
  calls = callsOf(server)
})
afterAll(() => server[Symbol.asyncDispose]())

const interval = (seconds: number) => ({ seconds: BigInt(seconds), nanos: 0 })

const beat = (machine: string, seconds: number | undefined) =>
  eventOf({
    $case: 'machineHeartbeat',
    value: {
      machine: machineRef(machine),
      interval: seconds === undefined ? undefined : interval(seconds),
      processesUnchanged: false,
      facetDigests: {},
    },
  })

const runs = (machine: string, service: string, seconds: number) =>
  eventOf({
    $case: 'instanceHeartbeat',
    value: { machine: machineRef(machine), service, slot: '', version: '', interval: interval(seconds) },
  })

/** An event that happened a while ago. */
function ago(minutes: number, event: ReturnType<typeof beat>) {
  const occurredTime = { ...event.occurredTime!, seconds: event.occurredTime!.seconds - BigInt(minutes * 60) }
  return { ...event, occurredTime }
}

const machine = async (id: string) => (await calls.getMachine({ name: `machines/${id}` })).machine!
const names = async (filter: string) =>
  (await calls.listMachines({ filter })).machines.map(({ name, freshness }) => [name, freshness])

test('a machine is fresh, late or silent by the interval that its source declared', async () => {
  await report(server, [
    beat('fresh', 30),
    ago(3, beat('late', 30)),
    ago(20, beat('silent', 30)),
    ago(20, beat('seldom', 600)),
    ago(20, beat('undeclared', undefined)),
  ])
  expect((await machine('fresh')).freshness).toBe(Freshness.FRESH)
  expect((await machine('late')).freshness).toBe(Freshness.LATE)
  expect((await machine('silent')).freshness).toBe(Freshness.SILENT)
  expect((await machine('seldom')).freshness).toBe(Freshness.FRESH)
  expect((await machine('undeclared')).freshness).toBe(Freshness.UNSPECIFIED)
  expect(await names('freshness = SILENT')).toEqual([['machines/silent', Freshness.SILENT]])
  expect(await names('freshness != FRESH')).toEqual([
    ['machines/late', Freshness.LATE],
    ['machines/silent', Freshness.SILENT],
  ])
})

test('a heartbeat that says nothing new makes no revision, and makes fresh again', async () => {
  const before = await report(server, [ago(20, beat('back', 30))])
  const after = await report(server, [beat('back', 30)])
  expect(after.revision).toBe(before.revision)
  expect((await machine('back')).freshness).toBe(Freshness.FRESH)
})

test('an instance that runs has it, and keeps its state when it is silent; one that stopped has none', async () => {
  await report(server, [ago(20, runs('host', 'airship', 30)), runs('host', 'blimp', 30)])
  await report(server, [stopped('host', 'blimp')])
  const { instances } = await calls.listInstances({ filter: 'machine = host' })
  expect(instances.map(({ service, state, freshness }) => [service, state, freshness])).toEqual([
    ['services/airship', 2, Freshness.SILENT],
    ['services/blimp', 3, Freshness.UNSPECIFIED],
  ])
  const silent = await calls.listInstances({ filter: 'freshness = SILENT' })
  expect(silent.instances.map(({ name }) => name)).toEqual(['instances/host~airship'])
})

test('a finding that is there has it, by how often its machine is scanned; what vanished has none', async () => {
  const scan = (machine: string, processes: Partial<Process>[]) =>
    eventOf({
      $case: 'processesObserved',
      value: {
        machine: machineRef(machine),
        processes: processes.map((process) => Process.fromPartial(process)),
        complete: true,
        listComplete: true,
        interval: interval(120),
      },
    })
  const cron = { pid: 3n, executableName: 'cron', commandArgs: ['cron'] }
  const sshd = { pid: 4n, executableName: 'sshd', commandArgs: ['/usr/sbin/sshd', '-D'] }
  await report(server, [ago(30, scan('quiet', [cron, sshd])), ago(7, scan('slow', [cron]))])
  await report(server, [scan('well', [cron, sshd])])
  await report(server, [scan('well', [cron])])
  await using client = await Holdfast.connect({ address: server.address })
  const of = async (filter: string) =>
    (await client.listFindings({ filter }).toArray()).map(({ name, freshness }) => [name, freshness])
  expect(await of('service = cron')).toEqual([
    ['findings/quiet~cron', Freshness.SILENT],
    ['findings/slow~cron', Freshness.LATE],
    ['findings/well~cron', Freshness.FRESH],
  ])
  expect(await of('freshness = SILENT AND service = sshd')).toEqual([
    ['findings/quiet~sshd', Freshness.SILENT],
  ])
  expect(await of('machine = well AND service = sshd')).toEqual([
    ['findings/well~sshd', Freshness.UNSPECIFIED],
  ])
})

test('versions have that of their instance', async () => {
  await report(server, [ago(20, runs('far', 'zeppelin', 30))])
  const cells = await calls.listVersions({ filter: 'freshness = SILENT AND service = zeppelin' })
  expect(cells.cells.map(({ freshness }) => freshness)).toEqual([Freshness.SILENT])
})

test('the past has none, and does not know it in filters; nor is there an order by it', async () => {
  const { revision } = await report(server, [beat('past', 30)])
  const then = await calls.getMachine({ name: 'machines/past', revision })
  expect(then.machine?.freshness).toBe(Freshness.UNSPECIFIED)
  const refused = await calls.listMachines({ filter: 'freshness = SILENT', revision }).catch((error) => error)
  expect(errorInfoOf(refused).reason).toBe('FILTER_INVALID')
  const unordered = await calls.listMachines({ orderBy: 'freshness' }).catch((error) => error)
  expect(errorInfoOf(unordered).reason).toBe('INVALID_REQUEST')
})

test('an interval of no time is refused by itself', async () => {
  const { refused } = await report(server, [beat('hasty', 0)])
  expect(refused[0]?.status?.message).toContain('1 s to 1 day')
})

test('what a heartbeat moves is in no index, so that it stays a HOT update', async () => {
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  try {
    const { rows } = await client.query(
      `select indexdef from pg_indexes where tablename in ('machine', 'instance', 'finding') and
        (indexdef like '%observed_at%' or indexdef like '%report_interval%')`,
    )
    expect(rows).toEqual([])
  } finally {
    await client.end()
  }
})
