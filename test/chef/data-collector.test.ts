import { spawn, spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { dateFromTimestamp, Holdfast, type Revision, revision } from '@holdfast/sdk'
import { Alias_Kind, Machine_Lifecycle, Run_Kind, Run_State } from '@holdfast/sdk/messages'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { Ledger } from '../../server/src/ledger/ledger.ts'
import { openStore } from '../../server/src/store/store.ts'
import { OverdueConverges } from '../../server/src/sweep/overdue-converges.ts'
import { parseTokenFile } from '../../server/src/transport/bearer-token.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { automate, type Message } from './messages.ts'

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

async function post(message: unknown, at = server.httpUrl): Promise<{ status: number; body: Message }> {
  const body = typeof message === 'string' ? message : JSON.stringify(message)
  const response = await fetch(`${at}/chef/data-collector`, { method: 'POST', body })
  return { status: response.status, body: (await response.json()) as Message }
}

async function logOf(name: string): Promise<string> {
  const pieces: Uint8Array[] = []
  for await (const { data } of holdfast.readRunLog(name)) pieces.push(data)
  return Buffer.concat(pieces).toString()
}

/** A converge as small as it may be. */
const small = (more: Message = {}): Message => ({
  message_type: 'run_converge',
  run_id: randomUUID(),
  node_name: 'web-0',
  status: 'success',
  ...more,
})

test('the messages of chef/automate, posted with curl: the machine, its hardware and the run are there', async (context) => {
  if (spawnSync('curl', ['--version']).error !== undefined) {
    const message = 'curl is not installed: install the package curl to test the door as users try it'
    if (process.env.CI === 'true') throw new Error(message)
    process.stderr.write(`SKIPPED: ${message}\n`)
    context.skip()
  }
  const answers: string[] = []
  for (const message of Object.values(automate)) {
    const url = `${server.httpUrl}/data-collector/v0/`
    const curl = spawn('curl', ['-sS', '-H', 'x-data-collector-token: any', '--data-binary', '@-', url])
    curl.stdin.end(JSON.stringify(message))
    let answer = ''
    for await (const text of curl.stdout.setEncoding('utf8')) answer += text
    answers.push((JSON.parse(answer) as { result: string }).result)
  }
  expect(answers).toEqual(['recorded', 'recorded', 'recorded', 'recorded'])

  const machine = await holdfast.getMachine('insights.B', { full: true })
  expect(machine.lifecycle).toBe(Machine_Lifecycle.ACTIVE)
  expect(machine.hardware).toMatchObject({
    memoryBytes: 3_689_604n * 1024n,
    diskBytes: 62_914_560n * 512n,
    cpuModel: 'Intel(R) Xeon(R) CPU E5-2670 v2 @ 2.50GHz',
    arch: 'amd64',
    osDescription: 'redhat 8.9',
  })
  expect(machine.aliases).toContainEqual({
    kind: Alias_Kind.CHEF_GUID,
    value: '0271e125-97dd-498a-b026-8448ee60aafe',
  })
  expect(machine.facets.map(({ name }) => name.split('/').at(-1)).sort()).toEqual(
    ['chef', 'cloud', 'hardware', 'network', 'os'].sort(),
  )
  const run = await holdfast.getRun(`runs/${automate.converge.run_id}`)
  expect(run).toMatchObject({
    kind: Run_Kind.CONVERGE,
    state: Run_State.SUCCEEDED,
    machines: ['machines/insights.B'],
    environment: 'B',
    message: 'succeeded: 4 of 10 resources updated in 121 s',
  })
  expect(run.targets).toMatchObject({ total: 1, succeeded: 1 })
  const failed = await holdfast
    .listRuns({ filter: 'state = FAILED AND machine = Numquam-nam-quasi' })
    .toArray()
  expect(failed).toMatchObject([{ message: 'Error class: Error message', environment: 'dev' }])
  expect(await logOf(failed[0]!.name)).toMatch(
    /\* apt_package\[sudo\] action install: skipped due to not_if "which sudo"[\s\S]*ShellCommandFailed[\s\S]*from \/opt\/chef/,
  )
})

test.each([-2, 2])(
  'when a node was seen is told by the clock of the database, not of a server %i days off',
  async (days) => {
    const DAY_MS = 86_400_000
    const seen = new Date(Date.now() - 3_600_000)
    const ahead = new Date(Date.now() + DAY_MS)
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + days * DAY_MS })
    onTestFinished(() => {
      vi.useRealTimers()
    })
    const node = { automatic: { os: 'linux' } }
    for (const [node_name, end_time] of [
      [`clock-seen-${days}`, seen.toISOString()],
      [`clock-ahead-${days}`, ahead.toISOString()],
    ] as const) {
      const { body } = await post(small({ node_name, node, end_time }))
      expect(body).toMatchObject({ result: 'recorded', machine: `machines/${node_name}` })
      expect(body).not.toHaveProperty('refused')
    }
    const observed = async (id: string) =>
      dateFromTimestamp((await holdfast.getMachine(id, { full: true })).facets[0]!.observedTime!)
    expect(await observed(`clock-seen-${days}`)).toEqual(seen)
    expect((await observed(`clock-ahead-${days}`)).getTime()).toBeLessThan(ahead.getTime())
  },
)

test('what may hold secrets is not kept: attributes of other levels, differences, states, user data', async () => {
  const node = {
    normal: { a: 'LEAK-1' },
    override: { a: 'LEAK-2' },
    default: { a: 'LEAK-3' },
    automatic: { os: 'linux', ec2: { userdata: 'LEAK-4' }, mine: { password: 'LEAK-5' } },
  }
  const resources = [
    {
      type: 'file',
      name: '/etc/db.yml',
      status: 'updated',
      result: 'create',
      delta: '+ LEAK-6',
      after: { content: 'LEAK-7' },
    },
    { type: 'execute', name: 'login --password LEAK-8 https://me:LEAK-9@example.com', status: 'failed' },
    { type: 'execute', name: 'post', status: 'failed', error_message: 'token: {"a": "LEAK-14' },
    { type: 'service', name: 'ntp', status: 'up-to-date' },
  ]
  const description = {
    title: 'Error executing action `create` on resource',
    sections: [
      { 'Resource Declaration:': "  1: db_user 'app' do\n  2:   password 'LEAK-11'\n  3: end" },
      {
        'Compiled Resource:':
          'db_user("app") do\n  password "LEAK-12"\n  args "{\\"token\\":\\"LEAK-13\\"}"\nend',
      },
    ],
  }
  const error = { class: 'Failed', message: 'password="LEAK-10" is wrong', backtrace: null, description }
  const { body } = await post(small({ node_name: 'secret-0', status: 'failure', node, resources, error }))
  const run = await holdfast.getRun(body.run as string)
  const machine = await holdfast.getMachine('secret-0', { full: true })
  const timeline = await holdfast.listTimeline({ filter: 'machine = secret-0' }).toArray()
  const log = await logOf(run.name)
  const kept = JSON.stringify([run, machine, timeline, log], (_, value) =>
    typeof value === 'bigint' ? String(value) : value,
  )
  expect(kept).not.toContain('LEAK')
  expect(log).toContain('a difference of 8 characters is not kept')
  expect(log).toContain('* service[ntp]')
  expect(run.message).toBe('Failed: password=[hidden] is wrong')
})

test('a message that comes again is known by its type and run, whatever its id, and changes nothing', async () => {
  const runId = randomUUID()
  const start = { message_type: 'run_start', run_id: runId, id: randomUUID(), node_name: 'again-0' }
  expect(await post(start)).toMatchObject({ body: { result: 'recorded', run: `runs/${runId}` } })
  expect(await holdfast.getRun(runId)).toMatchObject({ state: Run_State.RUNNING, machines: [] })
  expect(await post(start)).toMatchObject({ body: { result: 'known' } })
  const end = small({ run_id: runId, node_name: 'again-0', node: { chef_environment: 'staging' } })
  const both = await Promise.all([post(end), post(end)])
  expect(both.map(({ status }) => status)).toEqual([200, 200])
  const run = await holdfast.getRun(runId)
  expect(run).toMatchObject({ state: Run_State.SUCCEEDED, environment: 'staging' })
  const log = await logOf(run.name)
  expect(await post({ ...end, id: randomUUID(), status: 'failure' })).toMatchObject({
    body: { result: 'known' },
  })
  expect(await post(start)).toMatchObject({ body: { result: 'known' } })
  expect(await holdfast.getRun(runId)).toEqual(run)
  expect(await logOf(run.name)).toBe(log)
})

test('a converge that turned out to be of another environment is found in the past by the one it was of then', async () => {
  const runId = randomUUID()
  await post({ message_type: 'run_start', run_id: runId, id: randomUUID(), node_name: 'moved-0' })
  const before = await holdfast.getRun(runId)
  await post(small({ run_id: runId, node_name: 'moved-0', node: { chef_environment: 'moved' } }))
  const isFound = async (environment: string, asOf?: Revision) =>
    (await holdfast.listRuns({ filter: `environment = ${environment}`, asOf }).toArray()).some(
      ({ name }) => name === before.name,
    )
  const then = revision(before.revision)
  expect([await isFound('production', then), await isFound('moved', then)]).toEqual([true, false])
  // So far back runs are asked for in another way.
  await Promise.all(
    Array.from({ length: 310 }, (_, i) => holdfast.started('filler', { machine: `filler-${i}` })),
  )
  expect([await isFound('production', then), await isFound('moved', then)]).toEqual([true, false])
  expect([await isFound('production'), await isFound('moved')]).toEqual([false, true])
})

test('a converge whose end never came is abandoned in time, and ends as it did when that comes late', async () => {
  const runId = randomUUID()
  await post({ message_type: 'run_start', run_id: runId, node_name: 'orphan-0' })
  const log = pino({ level: 'silent' })
  const store = await openStore({ url: server.url, log })
  const ledger = new Ledger({ store, log })
  await ledger.start()
  const give = (hours: number) => new OverdueConverges({ store, ledger, log, hours }).step()
  try {
    await give(1)
    expect((await holdfast.getRun(runId)).state).toBe(Run_State.RUNNING)
    await give(0)
    const given = await holdfast.getRun(runId)
    expect(given).toMatchObject({ state: Run_State.ABANDONED, message: expect.stringContaining('not told') })
    await give(0)
    expect(await holdfast.getRun(runId)).toEqual(given)
    const [told] = await holdfast.listTimeline({ filter: 'type = RUN_FINISHED' }).toArray({ limit: 1 })
    expect(told!.fieldChanges).toContainEqual(
      expect.objectContaining({ field: 'state', oldValue: 'RUNNING', newValue: 'ABANDONED' }),
    )
  } finally {
    await ledger.stop()
    await store.close()
  }

  const resources = [{ type: 'file', name: '/etc/motd', status: 'updated', result: 'create' }]
  const late = small({ run_id: runId, node_name: 'orphan-0', resources })
  expect(await post(late)).toMatchObject({ body: { result: 'recorded', machine: 'machines/orphan-0' } })
  const run = await holdfast.getRun(runId)
  expect(run).toMatchObject({ state: Run_State.SUCCEEDED, machines: ['machines/orphan-0'] })
  expect(run.targets).toMatchObject({ total: 1, succeeded: 1, uncertain: 0 })
  expect(await logOf(run.name)).toContain('/etc/motd')
  expect(await post({ ...late, status: 'failure' })).toMatchObject({ body: { result: 'known' } })
})

test('a node is found again by its uuid when it is called otherwise', async () => {
  const guid = randomUUID()
  await post(small({ node_name: 'old-name', entity_uuid: guid }))
  const { body } = await post(small({ node_name: 'new-name', entity_uuid: guid }))
  expect(body.machine).toBe('machines/old-name')
  const ping = { event_type: 'node_ping', node_name: 'new-name', entity_uuid: guid }
  expect(await post(ping)).toMatchObject({ body: { result: 'recorded', machine: 'machines/old-name' } })
})

test.each([
  ['no JSON', '{', ['body']],
  ['a list', [], ['message_type']],
  ['another message', { message_type: 'run_middle' }, ['message_type']],
  ['nothing told', { message_type: 'run_converge' }, ['node_name', 'run_id', 'status']],
  [
    'all of the wrong type',
    {
      message_type: 'run_converge',
      run_id: 7,
      node_name: {},
      status: true,
      resources: 'none',
      end_time: 'soon',
    },
    ['node_name', 'run_id', 'status', 'resources', 'end_time'],
  ],
])('%s is refused with every field that is wrong', async (_what, message, fields) => {
  const { status, body } = await post(message)
  expect(status).toBe(400)
  const details = body.details as { type: string; debug: { fieldViolations: { field: string }[] } }[]
  const violations = details.find(({ type }) => type === 'google.rpc.BadRequest')!.debug.fieldViolations
  expect(violations.map(({ field }) => field).sort()).toEqual([...fields].sort())
})

test('what may be missing may be of any type: the converge is recorded', async () => {
  const odd = {
    ...{ entity_uuid: 5, source: [], run_list: 'x', cookbooks: [], deprecations: {}, error: 'boom' },
    ...{ node: { automatic: { cpu: 4, memory: { total: 8 }, network: [], packages: 'all', fqdn: {} } } },
    ...{ policy_group: 3, total_resource_count: 'many', resources: [null, 3, { name: 7, duration: 2 }] },
  }
  const { status, body } = await post(small({ node_name: 'odd-0', ...odd }))
  expect({ status, refused: body.refused }).toEqual({ status: 200, refused: undefined })
  expect(await holdfast.getRun(body.run as string)).toMatchObject({ state: Run_State.SUCCEEDED })
})

test('text that no database takes does not get in the way of others', async () => {
  const error = { class: 'E\u0000', message: '\u001b[31mred \ud800' }
  const { status, body } = await post(small({ node_name: 'no\u0000de 1', status: 'failure', error }))
  expect({ status, machine: body.machine }).toEqual({ status: 200, machine: 'machines/no-de-1' })
})

test('a message of more than 16 MiB is refused', async () => {
  expect(await post(`{"x":"${'y'.repeat(17 << 20)}"}`)).toMatchObject({ status: 413 })
})

test('with tokens, the header of the data collector brings one', async () => {
  await using guarded = await testServer({ tokens: parseTokenFile('chef:s3cret\n') })
  const send = (headers: Record<string, string>) =>
    fetch(`${guarded.httpUrl}/chef/data-collector`, {
      method: 'POST',
      headers,
      body: JSON.stringify(small()),
    })
  expect((await send({})).status).toBe(401)
  expect((await send({ 'x-data-collector-token': 's3cret' })).status).toBe(200)
})
