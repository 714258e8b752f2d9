import { randomUUID } from 'node:crypto'
import { credentials } from '@grpc/grpc-js'
import { Holdfast } from '@holdfast/sdk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { LockGrant } from '../../proto/gen/holdfast/v1/lock_service.ts'
import { Run_State, RunTarget_Outcome } from '../../proto/gen/holdfast/v1/run.ts'
import { RunServiceClient } from '../../proto/gen/holdfast/v1/run_service.ts'
import { VersionCell_Drift } from '../../proto/gen/holdfast/v1/version.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { LockClient } from './lock-client.ts'

let server: TestServer
let holdfast: Holdfast
let runs: RunServiceClient
beforeAll(async () => {
  server = await testServer()
  holdfast = await Holdfast.connect({ address: server.address })
  runs = new RunServiceClient(server.address, credentials.createInsecure())
})
afterAll(async () => {
  holdfast.close()
  runs.close()
  await server[Symbol.asyncDispose]()
})

const fresh = (): string => `s${randomUUID().slice(0, 8)}`

const deployUnder = (lock: LockGrant, service: string, machines: string[], version = '2') =>
  holdfast.startRun({ kind: 'deploy', service, version, machines, lock })

const cellsOf = async (service: string) =>
  await holdfast.listVersions({ filter: `service = ${service}` }).toArray()

test('L5: no report and no end of a run under a lock commits after the lock ended', async () => {
  using client = await LockClient.open(server.locks)
  const service = fresh()
  const lock = await client.acquire(`production/${service}`)
  const run = await deployUnder(lock, service, ['web-0', 'web-1'])
  await run.target('web-0', 'succeeded')
  const ended = await client.release(lock)

  await expect(run.target('web-1', 'succeeded')).rejects.toMatchObject({ reason: 'STALE_TOKEN' })
  await expect(run.finish('succeeded')).rejects.toMatchObject({ reason: 'STALE_TOKEN' })
  await expect(deployUnder(lock, service, ['web-1'])).rejects.toMatchObject({ reason: 'STALE_TOKEN' })
  const stands = await holdfast.getRun(run.name)
  expect(stands).toMatchObject({ state: Run_State.ABANDONED, revision: ended })
})

test('L5: reports that race with the end of their lock commit before it, or are refused', async () => {
  using client = await LockClient.open(server.locks)
  for (let round = 0; round < 5; round++) {
    const service = fresh()
    const machines = Array.from({ length: 20 }, (_, i) => `race-${i}`)
    const lock = await client.acquire(`production/${service}`)
    const run = await deployUnder(lock, service, machines)
    const reports = machines.map(async (machine, i) => {
      if (i === 10) return await client.release(lock)
      return await run.target(machine, 'succeeded').catch(({ reason }) => reason)
    })
    const answers = await Promise.all(reports)
    const ended = answers[10] as bigint
    for (const answer of answers) expect([undefined, 'STALE_TOKEN', ended]).toContain(answer)
    const cells = await cellsOf(service)
    const told = answers.filter((answer) => answer === undefined).length
    expect(cells.filter(({ deployedVersion }) => deployedVersion === '2')).toHaveLength(told)
    expect(cells.filter(({ drift }) => drift === VersionCell_Drift.UNCERTAIN)).toHaveLength(20 - told)
    const stands = await holdfast.getRun(run.name)
    expect(stands).toMatchObject({ state: Run_State.ABANDONED, revision: ended })
    expect(stands.targets).toMatchObject({ succeeded: told, uncertain: 20 - told, pending: 0 })
  }
})

test('a run that is finished under its lock stays as it ended, also when it is told again after the release', async () => {
  using client = await LockClient.open(server.locks)
  const service = fresh()
  const lock = await client.acquire(`production/${service}`)
  const run = await deployUnder(lock, service, ['web-0'])
  expect((await holdfast.getRun(run.name)).lease).toBe(client.lease)
  await run.finish('succeeded')
  await client.release(lock)
  await run.finish('succeeded')
  await expect(run.finish('failed')).rejects.toMatchObject({ reason: 'STALE_TOKEN' })
  expect((await holdfast.getRun(run.name)).state).toBe(Run_State.SUCCEEDED)
  expect((await cellsOf(service)).map(({ deployedVersion }) => deployedVersion)).toEqual(['2'])
})

test('a finish from another token is refused, and the run goes on', async () => {
  using client = await LockClient.open(server.locks)
  const service = fresh()
  const lock = await client.acquire(`production/${service}`)
  const run = await deployUnder(lock, service, ['web-0'])
  const other = await client.acquire(`production/${fresh()}`)
  const request = { name: run.name, state: Run_State.SUCCEEDED, message: '', exitCode: undefined }
  const finish = (fencingToken: bigint) =>
    new Promise((resolve, reject) =>
      runs.finishRun({ ...request, endTime: undefined, fencingToken }, (error, answer) =>
        error === null ? resolve(answer) : reject(error),
      ),
    )
  await expect(finish(other.fencingToken)).rejects.toMatchObject({
    message: expect.stringContaining('was started under token'),
  })
  expect((await holdfast.getRun(run.name)).state).toBe(Run_State.RUNNING)
  await finish(lock.fencingToken)
})

test('when a lease ends, the runs under it are abandoned in the revision that ends their lock', async () => {
  const client = await LockClient.open(server.locks)
  const service = fresh()
  const lock = await client.acquire(`production/${service}`, { reason: 'deploy 2' })
  const run = await deployUnder(lock, service, ['web-0', 'web-1', 'web-2'])
  await run.target('web-0', 'succeeded')
  await run.target('web-1', 'failed')
  await client.attach(1000)
  client.cut()

  const abandoned = async () => (await holdfast.getRun(run.name)).state === Run_State.ABANDONED
  await until('the run to be abandoned', abandoned)
  const stands = await holdfast.getRun(run.name)
  expect(stands.message).toContain('was not heard of')
  const targets = await holdfast.listRunTargets(run.name).toArray()
  expect(targets.map(({ outcome }) => outcome)).toEqual([
    RunTarget_Outcome.SUCCEEDED,
    RunTarget_Outcome.FAILED,
    RunTarget_Outcome.UNCERTAIN,
  ])
  using next = await LockClient.open(server.locks)
  const passed = await next.acquire(`production/${service}`)
  expect(passed.fencingToken).toBeGreaterThan(stands.revision)
  const cells = await cellsOf(service)
  expect(cells.map(({ machine, drift }) => [machine, drift])).toEqual([
    ['machines/web-0', VersionCell_Drift.UNDECLARED],
    ['machines/web-2', VersionCell_Drift.UNCERTAIN],
  ])
  expect(cells[1]!.uncertainDeployment).toMatchObject({ run: run.name, version: '2' })
  const told = await holdfast.listTimeline({ filter: 'machine = web-2', pageSize: 1 }).toArray()
  expect(told[0]!.event?.payload).toMatchObject({
    $case: 'runFinished',
    value: { run: run.name, state: Run_State.ABANDONED },
  })
})

test('what an abandoned deploy left uncertain is known once a version is seen to start, or another deploy succeeds', async () => {
  using client = await LockClient.open(server.locks)
  const service = fresh()
  const lock = await client.acquire(`production/${service}`)
  const machines = ['seen-0', 'seen-1', 'seen-2', 'seen-3']
  for (const machine of machines) await holdfast.started(service, { machine, version: '1' })
  const run = await deployUnder(lock, service, machines)
  await client.release(lock)
  expect((await cellsOf(service)).map(({ drift }) => drift)).toEqual(
    machines.map(() => VersionCell_Drift.UNCERTAIN),
  )
  await holdfast.started(service, { machine: 'seen-0', version: '2' })
  await holdfast.started(service, { machine: 'seen-1', version: '1' })
  await holdfast.heartbeat(service, { machine: 'seen-3', version: '1' })
  const again = await holdfast.startRun({ kind: 'deploy', service, version: '3', machines: ['seen-2'] })
  await again.finish('succeeded')
  const cells = await cellsOf(service)
  expect(cells.map(({ deployedVersion, deploymentId }) => [deployedVersion, deploymentId])).toEqual([
    ['2', run.name],
    ['', ''],
    ['3', again.name],
    ['', ''],
  ])
  expect(cells.map(({ drift }) => drift === VersionCell_Drift.UNCERTAIN)).toEqual([false, false, false, true])
})

test('a deployment from before a run was abandoned, told late, leaves uncertain what was uncertain', async () => {
  using client = await LockClient.open(server.locks)
  const service = fresh()
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  const lock = await client.acquire(`production/${service}`)
  await deployUnder(lock, service, ['late-0'])
  await client.release(lock)
  const cell = async () => (await cellsOf(service))[0]!
  const told = { machines: ['late-0'], status: 'succeeded' } as const
  await holdfast.deployed(service, { ...told, version: '1', occurredAt: minutesAgo(1) })
  expect(await cell()).toMatchObject({ deployedVersion: '1', drift: VersionCell_Drift.UNCERTAIN })
  await holdfast.deployed(service, { ...told, version: '3' })
  expect((await cell()).uncertainDeployment).toBeUndefined()
})
