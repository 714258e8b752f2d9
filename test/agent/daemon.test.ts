import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { event } from '@holdfast/sdk/spooled-event'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { cloudInstanceId } from '../../agent/src/daemon/cloud-identity.ts'
import { nudgeAgent, Spool, spoolDirOf } from '../../agent/src/spool/index.ts'
import { Freshness } from '../../proto/gen/holdfast/v1/machine.ts'
import { buildOnce, startHoldfast } from '../cli/holdfast.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { callsOf } from '../query/calls.ts'

failOnLeaks()
beforeAll(buildOnce)

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-agent-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const start = (address: string) =>
  startHoldfast(['agent', '--heartbeat', '1s', '--scan', '1s', '--no-cloud'], {
    HOLDFAST_ADDRESS: address,
    HOLDFAST_MACHINE: 'here',
    HOLDFAST_DATA_DIR: directory,
  })

test('an agent reports its machine, keeps it fresh, and forwards what scripts leave', async () => {
  await using server = await testServer()
  const calls = callsOf(server)
  await using agent = start(server.address)
  await agent.sees(/reporting here to/)
  const read = async () =>
    (await calls.getMachine({ name: 'machines/here', view: 2 }).catch(() => undefined))?.machine
  const machine = await until('the facets and processes', async () => {
    const found = await read()
    const facets = found?.facets.map(({ name }) => name.split('/').at(-1)) ?? []
    return facets.includes('boot') && facets.includes('os') && found?.processScan !== undefined && found
  })
  expect(machine.freshness).toBe(Freshness.FRESH)
  expect(machine.reportInterval).toEqual({ seconds: 1n, nanos: 0 })
  expect(machine.aliases.some(({ kind }) => kind === 6)).toBe(true)

  const before = machine.observedTime!
  await until('a later heartbeat', async () => {
    const { seconds, nanos } = (await read())!.observedTime!
    return seconds > before.seconds || (seconds === before.seconds && nanos > before.nanos)
  })

  new Spool(spoolDirOf(directory)).append(event.started('offline-tasks', { machine: 'here' }))
  expect(await nudgeAgent(directory)).toBe(true)
  await until(
    'the report',
    async () => (await calls.listInstances({ filter: 'service = offline-tasks' })).instances[0],
  )

  // Another one on the same directory would fight over the socket.
  await using second = start(server.address)
  const { code, err } = await second.ended
  expect({ code, err }).toMatchObject({ code: 1, err: expect.stringContaining('already') })

  agent.child.kill('SIGTERM')
  expect((await agent.ended).code).toBe(0)
}, 60_000)

test('an agent outlives a server that is not there, and says so once', async () => {
  await using agent = start('127.0.0.1:1')
  await agent.sees(/reporting here to/)
  await until('the trouble', () => agent.err().includes('heartbeat: '), 40_000)
  expect(agent.err().match(/heartbeat: /g)).toHaveLength(1)
  agent.child.kill('SIGTERM')
  expect((await agent.ended).code).toBe(0)
}, 60_000)

test('the id of an instance is asked of the metadata service, with its token', async () => {
  const metadata = createServer((request, response) => {
    if (request.method === 'PUT') return void response.end('secret')
    if (request.headers['x-aws-ec2-metadata-token'] !== 'secret') return void response.writeHead(401).end()
    response.end(JSON.stringify({ accountId: '123456789012', region: 'eu-west-1', instanceId: 'i-0abc' }))
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => metadata.once('listening', resolve))
  const { port } = metadata.address() as AddressInfo
  expect(await cloudInstanceId(`http://127.0.0.1:${port}`)).toBe('aws:123456789012/eu-west-1/i-0abc')
  await new Promise((resolve) => metadata.close(resolve))
  expect(await cloudInstanceId(`http://127.0.0.1:${port}`)).toBeUndefined()
})
