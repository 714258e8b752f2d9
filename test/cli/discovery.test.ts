import { Holdfast } from '@holdfast/sdk'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { holdfast, printed } from './holdfast.ts'

failOnLeaks()

let server: TestServer
let client: Holdfast
let env: NodeJS.ProcessEnv

const daemon = (executableName: string, pid: number) => ({
  pid,
  executableName,
  commandArgs: [`/usr/sbin/${executableName}`],
  createdAt: new Date(0),
})

beforeAll(async () => {
  server = await testServer()
  client = await Holdfast.connect({ address: server.address })
  env = { HOLDFAST_ADDRESS: server.address }
})
afterAll(async () => {
  client.close()
  await server[Symbol.asyncDispose]()
})

let machine: string
let machines = 0
beforeEach(async () => {
  machine = `web-${machines++}`
  const processes = [daemon('cron', 1), daemon('nginx', 2), daemon('dockerd', 3)]
  await client.observe(machine, { processes, processesIntervalMs: 120_000 })
})

test('findings are listed with their freshness beside where they stand', async () => {
  const out = await printed(['findings', '--filter', `machine = ${machine}`], env)
  expect(out).toMatch(/STATE .*FRESHNESS .*SEEN/)
  expect(out).toMatch(/~nginx +undecided .* fresh /)
})

test('a filter is shown what it takes, and takes it with --yes', async () => {
  const filter = ['--filter', `machine = ${machine} AND service != cron`]
  const preview = await holdfast(['accept', ...filter], env)
  expect(preview).toMatchObject({ code: 0, err: expect.stringContaining('with --yes these 2 are') })
  expect(preview.out).toMatch(/~docker +undecided/)
  expect(await client.listInstances({ filter: `machine = ${machine}` }).toArray()).toEqual([])

  const out = await printed(['accept', ...filter, '--yes', '--reason', 'ours'], env)
  expect(out).toMatch(/~docker is monitored \(revision \d+\)\n.*~nginx is monitored/)
  const found = await client.listFindings({ filter: `machine = ${machine}` }).toArray()
  expect(found.map(({ state, decideReason }) => [state, decideReason])).toEqual([
    [1, ''],
    [2, 'ours'],
    [2, 'ours'],
  ])
  const json = JSON.parse(await printed(['ignore', '-o', 'json', '--yes', ...filter], env))
  expect(json.map((one: { state: string }) => one.state)).toEqual(['STATE_IGNORED', 'STATE_IGNORED'])
})

test('several by name are one array', async () => {
  const names = [`${machine}~nginx`, `${machine}~cron`]
  const json = JSON.parse(await printed(['accept', ...names, '-o', 'json'], env))
  expect(json.map((one: { name: string }) => one.name)).toEqual(names.map((name) => `findings/${name}`))
})

test('what must run can be enforced before anything has found it', async () => {
  expect(await printed(['enforce', `${machine}~redis`], env)).toContain('is enforced, absent')
  const out = await printed(['findings', '--filter', 'state = ENFORCED AND present = false'], env)
  expect(out).toMatch(new RegExp(`${machine}~redis +enforced, absent`))
  expect(await printed(['instances', '--filter', `machine = ${machine}`], env)).toMatch(/redis .*known/)
})

test.each([
  [['accept'], 'name the findings to accept, or give --filter'],
  [['accept', 'web-0~cron', '--filter', 'state = UNDECIDED'], 'name the findings to accept'],
  [['ignore', 'web-0~cron', '--yes'], '--yes goes with --filter'],
  [['accept', '--filter', 'nosuch = 1'], 'unknown field "nosuch"'],
])('%j is refused', async (args, why) => {
  const { code, err } = await holdfast(args, env)
  expect({ code: code !== 0, err }).toMatchObject({ code: true, err: expect.stringContaining(why) })
})

test('a rule is put with all that it says, listed as yours, and refused with all that is wrong', async () => {
  const put = [
    'put-rule',
    'worker',
    '--user',
    'worker',
    '--group',
    'worker@.*',
    '--service',
    'worker',
    '--slot',
    '{unit}',
  ]
  await printed(
    [...put, '--label', 'tier=2', '--kind', 'job', '--min-age', '1m', '--version-file', 'REVISION'],
    env,
  )
  const rules = await client.listDiscoveryRules()
  expect(rules.find(({ name }) => name === 'discoveryRules/worker')).toMatchObject({
    users: ['worker'],
    controlGroupPattern: 'worker@.*',
    labels: { tier: '2' },
    serviceKind: 'job',
    minAgeSeconds: 60,
    versionFile: 'REVISION',
  })
  expect(await printed(['rules'], env)).toMatch(/worker +you +100 +worker/)
  const wrong = ['put-rule', 'x', '--argv', '(a', '--service', '{b}', '--version-command', '/bin/sh -c']
  const { code, err } = await holdfast(wrong, env)
  expect(code).not.toBe(0)
  for (const field of ['rule.argv_pattern', 'rule.version_command']) expect(err).toContain(field)
})
