import { randomUUID } from 'node:crypto'
import { Holdfast, type Revision, revision } from '@holdfast/sdk'
import { Run_State, RunTarget_Outcome } from '@holdfast/sdk/messages'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

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

const deploy = (machines: string[], version = '2') =>
  holdfast.startRun({ kind: 'deploy', service: 'airship', version, machines, title: 'a deploy' })

test('a deploy moves the deployed version of the targets that succeeded, and says by which run', async () => {
  const run = await deploy(['web-0', 'web-1', 'web-2'])
  await run.target('web-1', 'failed', { message: 'disk full' })
  await run.target('web-0', 'succeeded')
  expect((await holdfast.getInstance('web-0~airship')).deployedVersion).toBe('2')
  await run.finish('succeeded')
  expect(run.state.targets).toEqual({
    total: 3,
    pending: 0,
    succeeded: 2,
    failed: 1,
    skipped: 0,
    uncertain: 0,
  })
  expect(await holdfast.getInstance('web-2~airship')).toMatchObject({
    deployedVersion: '2',
    deploymentId: run.name,
  })
  const targets = await holdfast.listRunTargets(run.name).toArray()
  expect(targets.map(({ machine, outcome, message }) => [machine, outcome, message])).toEqual([
    ['machines/web-0', RunTarget_Outcome.SUCCEEDED, ''],
    ['machines/web-1', RunTarget_Outcome.FAILED, 'disk full'],
    ['machines/web-2', RunTarget_Outcome.SUCCEEDED, ''],
  ])
  const told = await holdfast.listTimeline({ filter: 'machine = web-0' }).toArray()
  expect(told.map(({ event }) => event?.payload?.$case)).toEqual(['runTargetsReported', 'runStarted'])
  expect(told[0]!.fieldChanges.map(({ field, newValue }) => [field, newValue])).toContainEqual([
    'deployed_version',
    '2',
  ])
})

test('a deploy that ended before another one, and is told after it, does not overturn it', async () => {
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000)
  const startedAt = minutesAgo(20)
  const options = { kind: 'deploy', service: 'overtaken', machines: ['web-0'], startedAt } as const
  const first = await holdfast.startRun({ ...options, version: '1' })
  const second = await holdfast.startRun({ ...options, version: '2' })
  await second.finish('succeeded', { endedAt: minutesAgo(5) })
  await first.finish('succeeded', { endedAt: minutesAgo(10) })
  expect(await holdfast.getInstance('web-0~overtaken')).toMatchObject({
    deployedVersion: '2',
    deploymentId: second.name,
    deployTime: second.state.endTime,
  })
})

test('a start that is repeated is the same run; with other content it is refused', async () => {
  const id = randomUUID()
  const first = await holdfast.startRun({ kind: 'task', id, title: 'once' })
  const second = await holdfast.startRun({ kind: 'task', id, title: 'once' })
  expect(second.state).toEqual(first.state)
  await expect(holdfast.startRun({ kind: 'task', id, title: 'twice' })).rejects.toMatchObject({
    reason: 'RUN_ID_REUSED',
  })
  await first.finish('cancelled')
})

test('a run that ended stays as it ended', async () => {
  const run = await deploy(['end-0'])
  await run.finish('failed', { exitCode: 3 })
  await run.finish('failed')
  expect(run.state).toMatchObject({ state: Run_State.FAILED, exitCode: 3 })
  await expect(run.finish('succeeded')).rejects.toMatchObject({ reason: 'RUN_FINISHED' })
  await expect(run.target('end-0', 'succeeded')).rejects.toMatchObject({ reason: 'RUN_FINISHED' })
  await run.log('too late')
  await expect(run.flush()).rejects.toMatchObject({ reason: 'RUN_FINISHED' })
  await expect(holdfast.getInstance('end-0~airship')).rejects.toMatchObject({ reason: 'NOT_FOUND' })
})

test('who follows sees the log as it comes, and its end', async () => {
  const run = await holdfast.startRun({ kind: 'task' })
  let seen = ''
  const followed = (async () => {
    for await (const { data } of holdfast.readRunLog(run.name, { follow: true })) seen += Buffer.from(data)
  })()
  for (const line of ['one\n', 'two\n']) {
    await run.log(line)
    await until(line, () => seen.endsWith(line))
  }
  await run.finish('succeeded')
  await followed
  expect(seen).toBe('one\ntwo\n')
})

test('runs are listed newest first, by what they are about, also as they were', async () => {
  const runs = []
  for (const machine of ['list-0', 'list-1', 'list-0']) {
    runs.push(
      await holdfast.startRun({ kind: 'migration', service: 'lists', machines: [machine], author: 'ada' }),
    )
  }
  const [first, second, third] = runs.map(({ name }) => name)
  const asOf = revision((await holdfast.getServerInfo()).headRevision)
  await runs[0]!.finish('failed')
  const listed = async (filter: string, asOf?: Revision) =>
    (await holdfast.listRuns({ filter, pageSize: 1, asOf }).toArray()).map(({ name }) => name)
  expect(await listed('service = lists')).toEqual([third, second, first])
  expect(await listed('machine = list-0 AND author = ada')).toEqual([third, first])
  expect(await listed('service = lists AND state = RUNNING')).toEqual([third, second])
  expect(await listed('service = lists AND state = FAILED')).toEqual([first])
  expect(await listed('service = lists AND state = RUNNING', asOf)).toEqual([third, second, first])
  expect(await listed('service = lists AND state = FAILED', asOf)).toEqual([])
  expect(await listed('machine = list-0 AND state = RUNNING', asOf)).toEqual([third, first])
  await expect(holdfast.listRuns({ filter: 'NOT machine = list-0' }).toArray()).rejects.toMatchObject({
    reason: 'FILTER_INVALID',
  })
  for (const run of runs.slice(1)) await run.finish('succeeded')
})
