import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { Agent } from '@holdfast/agent/daemon'
import { localMachine } from '@holdfast/agent/machine-identity'
import { ownIdentity } from '@holdfast/agent/own-identity'
import { Holdfast } from '@holdfast/sdk'
import { decodeEvent, event } from '@holdfast/sdk/spooled-event'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { bootFacet, machineIsStopping } from '../../agent/src/daemon/boot-facet.ts'
import { cloudInstanceId } from '../../agent/src/daemon/cloud-identity.ts'
import { Forwarder, nudgeAgent, Spool, spoolDirOf } from '../../agent/src/spool/index.ts'
import { Freshness } from '../../proto/gen/holdfast/v1/machine.ts'
import { program, startHoldfast, startProgram } from '../cli/holdfast.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { callsOf } from '../query/calls.ts'

failOnLeaks()

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
  // What an agent reports goes by messages of their own, in no promised order.
  const machine = await until('the facets, the processes and a heartbeat', async () => {
    const found = await read()
    const facets = found?.facets.map(({ name }) => name.split('/').at(-1)) ?? []
    const whole = facets.includes('boot') && facets.includes('os') && found?.processScan !== undefined
    return whole && found.freshness === Freshness.FRESH && found
  })
  expect(machine.reportInterval).toEqual({ seconds: 1n, nanos: 0 })
  expect(machine.aliases.some(({ kind }) => kind === 6)).toBe(true)

  const before = machine.observedTime!
  await until('a later heartbeat', async () => {
    const { seconds, nanos } = (await read())!.observedTime!
    return seconds > before.seconds || (seconds === before.seconds && nanos > before.nanos)
  })

  new Spool(spoolDirOf(directory)).append(event.started('offline-tasks', { machine: 'here' }))
  expect(await nudgeAgent(directory, 5_000)).toBe(true)
  await until(
    'the report',
    async () => (await calls.listInstances({ filter: 'service = offline-tasks' })).instances[0],
  )

  agent.child.kill('SIGTERM')
  expect((await agent.ended).code).toBe(0)
})

test('an agent whose stderr goes to a full disk goes on', async () => {
  const line = 'exec "$0" agent --no-cloud --heartbeat 1s --scan 1s 2>/dev/full'
  await using agent = startProgram('/bin/sh', ['-c', line, program], {
    HOLDFAST_ADDRESS: '127.0.0.1:1',
    HOLDFAST_DATA_DIR: directory,
  })
  await agent.sees(/reporting/)
  // What cannot be sent is kept, and then warned of.
  const spool = new Spool(spoolDirOf(directory))
  await until('a report that is kept', () => spool.segments().length > 0 || undefined)
  agent.child.kill('SIGTERM')
  expect(await agent.ended).toMatchObject({ code: 0 })
})

test('two agents on one directory: the second says so and ends, and the first goes on', async () => {
  await using agent = start('127.0.0.1:1')
  await agent.sees(/reporting here to/)
  await using second = start('127.0.0.1:1')
  const { code, err } = await second.ended
  expect({ code, err }).toEqual({
    code: 1,
    err: expect.stringMatching(/^holdfast: an agent is.*already; stop it first\n$/),
  })
  expect(await nudgeAgent(directory, 5_000)).toBe(true)
  agent.child.kill('SIGTERM')
  expect((await agent.ended).code).toBe(0)
  // What a killed one leaves behind is in nobody's way.
  await using third = start('127.0.0.1:1')
  await third.sees(/reporting here to/)
  third.child.kill('SIGKILL')
  await third.ended
  await using fourth = start('127.0.0.1:1')
  await fourth.sees(/reporting here to/)
})

test('an agent outlives a server that is not there, and says so once', async () => {
  await using agent = start('127.0.0.1:1')
  await agent.sees(/reporting here to/)
  await until('the trouble', () => agent.err().includes('heartbeat: '))
  expect(agent.err().match(/heartbeat: /g)).toHaveLength(1)
  agent.child.kill('SIGTERM')
  expect((await agent.ended).code).toBe(0)
})

test('the end of an agent is told, also when it cannot be sent, and a restart is no boot', async () => {
  await using server = await testServer()
  const calls = callsOf(server)
  const boot = async () => {
    const { machine } = await calls
      .getMachine({ name: 'machines/here', view: 2 })
      .catch(() => ({ machine: undefined }))
    return machine?.facets.find(({ name }) => name.endsWith('/boot'))?.attributes as
      | Record<string, string>
      | undefined
  }
  const before = new Date()
  {
    await using agent = start(server.address)
    const up = await until('the boot', boot)
    expect(up).toMatchObject({ 'host.boot.id': expect.stringMatching(/^[0-9a-f-]{36}$/) })
    expect(up).not.toHaveProperty(['holdfast.agent.stop_time'])
    agent.child.kill('SIGTERM')
    expect((await agent.ended).code).toBe(0)
  }
  await using client = Holdfast.lazy({ address: server.address })
  const left = new Forwarder({ spool: new Spool(spoolDirOf(directory)), client })
  const ended = await until('the end', async () => {
    // What it could not send in its last second waits for the next start.
    await left.drain()
    const now = await boot()
    return now?.['holdfast.agent.stop_time'] === undefined ? undefined : now
  })
  expect(new Date(ended['holdfast.agent.stop_time']!).getTime()).toBeGreaterThanOrEqual(before.getTime())
  {
    await using again = start(server.address)
    const up = await until('the restart', async () => {
      const now = await boot()
      return now?.['holdfast.agent.stop_time'] === undefined ? now : undefined
    })
    expect(up['host.boot.id']).toBe(ended['host.boot.id'])
    again.child.kill('SIGTERM')
    await again.ended
  }
  {
    await using alone = start('127.0.0.1:1')
    await alone.sees(/reporting here to/)
    alone.child.kill('SIGTERM')
    expect((await alone.ended).code).toBe(0)
  }
  const spool = new Spool(spoolDirOf(directory))
  const kept = spool.segments().flatMap((segment) => spool.read(segment).events.slice(spool.acked(segment)))
  const last = decodeEvent(kept.at(-1)!).payload
  expect(last.$case === 'machineObserved' && last.value.facets[0]?.attributes).toHaveProperty([
    'holdfast.agent.stop_time',
  ])
})

test('what is seen while the server is away is kept, and what is newest does not wait behind it', async () => {
  const spool = new Spool(spoolDirOf(directory))
  const casesIn = () =>
    spool.segments().flatMap((segment) =>
      spool
        .read(segment)
        .events.slice(spool.acked(segment))
        .map((bytes) => decodeEvent(bytes).payload),
    )
  {
    await using alone = start('127.0.0.1:1')
    await until(
      'the facts to be kept',
      () => {
        const facets = casesIn().flatMap((payload) =>
          payload.$case === 'machineObserved' ? payload.value.facets.map(({ facet }) => facet) : [],
        )
        const scan = casesIn().some(({ $case }) => $case === 'processesObserved')
        return scan && ['hardware', 'os', 'network', 'boot'].every((facet) => facets.includes(facet))
      },
      60_000,
    )
    alone.child.kill('SIGTERM')
    expect((await alone.ended).code).toBe(0)
  }
  const kept = casesIn().length
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  await client.observe('here', { facets: { hardware: { 'host.name': 'newest' } } })
  expect((await new Forwarder({ spool, client }).drain()).settled).toBe(kept)
  const machine = await client.getMachine('here', { full: true })
  const facets = new Map(machine.facets.map(({ name, attributes }) => [name.split('/').at(-1), attributes]))
  expect(facets.get('hardware')).toEqual({ 'host.name': 'newest' })
  expect(facets.get('boot')).toHaveProperty(['holdfast.agent.stop_time'])
  expect(machine.processScan?.processes.length).toBeGreaterThan(1)
})

test('what the server has lost, or has otherwise, is noticed by the digest and sent again', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address, source: 'agent/here' })
  const troubles: string[] = []
  await using agent = new Agent({
    ...{ client, dataDir: directory, id: 'here', cloud: false, facetsMs: 3_600_000, proofMs: 1_000 },
    onTrouble: (message) => troubles.push(message),
  })
  await agent.start()
  // The one that no program is asked for: only of what was seen whole is it proven that the server has it.
  const network = async () => {
    const machine = await client.getMachine('here', { full: true }).catch(() => undefined)
    return machine?.facets.find(({ name }) => name.endsWith('/network'))
  }
  const told = await until('the facets', network)
  await client.observe('here', { facets: { network: { 'host.ip': ['192.0.2.1'] } } })
  const again = await until('the facet to be as it was', async () => {
    const now = await network()
    return isDeepStrictEqual(now?.attributes, told.attributes) ? now : undefined
  })
  expect(again.changeRevision).toBeGreaterThan(told.changeRevision)
  await until('the facet to be seen again, without being sent', async () => {
    const now = await network()
    const seen = (facet: typeof told) =>
      Number(facet.observedTime!.seconds) * 1e3 + facet.observedTime!.nanos / 1e6
    return now?.changeRevision === again.changeRevision && seen(now) > seen(again)
  })
  expect(troubles).toEqual([])
})

test('a clone of a disk is a machine of its own: for its agent, and for its start scripts', async (context) => {
  const [machineId] = localMachine().aliases
  if (machineId === undefined) {
    process.stderr.write('SKIPPED: a clone needs a machine-id to be cloned: this machine has none\n')
    return context.skip()
  }
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const cloud = (value: string) => ({ kind: 'cloud-instance-id' as const, value: `aws:1/eu-west-1/${value}` })
  const origin = ownIdentity(directory, [machineId, cloud('origin')])
  const aliases = [machineId, cloud('origin'), { kind: 'agent-id' as const, value: origin }]
  await client.observe({ id: 'origin', aliases }, { facets: { os: { 'os.type': 'linux' } } })

  // Its agent starts on the clone, where the cloud has another name for the machine.
  const clone = ownIdentity(directory, [machineId, cloud('clone')])
  expect(clone).not.toBe(origin)
  const env = { HOLDFAST_ADDRESS: server.address, HOLDFAST_DATA_DIR: directory }
  await using started = startHoldfast(['started', 'airship', '--timeout', '20s'], env)
  expect(await started.ended).toMatchObject({ code: 0, err: '' })
  const [instance] = await client.listInstances().toArray()
  expect(instance?.machine).not.toBe('machines/origin')
  const machine = await client.getMachine(instance!.machine)
  expect(machine.aliases.map(({ value }) => value)).toEqual(
    expect.arrayContaining([clone, 'aws:1/eu-west-1/clone']),
  )
  expect(machine.identityConflicts.length).toBeGreaterThan(0)
})

test('whether the machine goes down as well is asked of systemd', async () => {
  const systemctl = join(directory, 'systemctl')
  const says = (state: string) =>
    writeFileSync(systemctl, `#!/bin/sh\necho ${state}\nexit 1\n`, { mode: 0o755 })
  says('running')
  expect(await machineIsStopping(systemctl, 20_000)).toBe(false)
  says('stopping')
  expect(await machineIsStopping(systemctl, 20_000)).toBe(true)
  expect(await machineIsStopping(join(directory, 'none'))).toBe(false)
  const at = new Date('2026-11-25T03:00:00Z')
  expect((await bootFacet({ at, machineStops: true }))?.attributes).toMatchObject({
    'host.shutdown.time': '2026-11-25T03:00:00.000Z',
  })
})

describe('the id of an instance is asked of the metadata service', () => {
  /** Answers as a cloud does, where the test says the service is: the real one is link-local and out of reach. */
  async function asked(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
    limits: [timeoutMs?: number] = [20_000],
  ) {
    const metadata = createServer(answer).listen(0, '127.0.0.1')
    await once(metadata, 'listening')
    const { port } = metadata.address() as AddressInfo
    try {
      return await cloudInstanceId(`http://127.0.0.1:${port}`, ...limits)
    } finally {
      metadata.closeAllConnections()
      await new Promise((resolve) => metadata.close(resolve))
    }
  }

  test('of AWS, with its token', async () => {
    const id = await asked((request, response) => {
      if (request.url === '/latest/api/token' && request.method === 'PUT') return void response.end('secret')
      if (request.headers['x-aws-ec2-metadata-token'] !== 'secret') return void response.writeHead(401).end()
      response.end(JSON.stringify({ accountId: '123456789012', region: 'eu-west-1', instanceId: 'i-0abc' }))
    })
    expect(id).toBe('aws:123456789012/eu-west-1/i-0abc')
  })

  test('of Google, which says that it is Google', async () => {
    const answers: Record<string, string> = {
      '/computeMetadata/v1/project/project-id': 'our-project',
      '/computeMetadata/v1/instance/zone': 'projects/123456789/zones/europe-west1-b',
      '/computeMetadata/v1/instance/id': '4520031799277581759',
    }
    const google = (flavor: Record<string, string>) =>
      asked(({ url = '', headers }, response) => {
        const answer = headers['metadata-flavor'] === 'Google' ? answers[url] : undefined
        if (answer === undefined) return void response.writeHead(404).end()
        response.writeHead(200, flavor).end(answer)
      })
    expect(await google({ 'metadata-flavor': 'Google' })).toBe(
      'gcp:our-project/europe-west1-b/4520031799277581759',
    )
    expect(await google({})).toBeUndefined()
  })

  test('of Azure', async () => {
    const id = await asked(({ url, headers }, response) => {
      const wanted =
        url === '/metadata/instance/compute?api-version=2021-02-01' && headers.metadata === 'true'
      if (!wanted) return void response.writeHead(400).end()
      const subscriptionId = '8d10da13-8125-4ba9-a717-bf7490507b3d'
      response.end(
        JSON.stringify({
          subscriptionId,
          location: 'westeurope',
          vmId: '02aab8a4-74ef-476e-8182-f6d2ba4166a6',
        }),
      )
    })
    expect(id).toBe(
      'azure:8d10da13-8125-4ba9-a717-bf7490507b3d/westeurope/02aab8a4-74ef-476e-8182-f6d2ba4166a6',
    )
  })

  test('and is none of what hangs, answers anything, too much, or not at all', async () => {
    const began = performance.now()
    expect(await asked(() => {}, [])).toBeUndefined()
    expect(performance.now() - began).toBeLessThan(10_000)
    expect(await asked((_, response) => void response.end('<html>log in</html>'))).toBeUndefined()
    expect(await asked((_, response) => void response.end('x'.repeat(1e6)))).toBeUndefined()
    expect(
      await asked((_, response) => void response.end('{"accountId":"1","region":"a b"}')),
    ).toBeUndefined()
    expect(await cloudInstanceId('http://127.0.0.1:1')).toBeUndefined()
  })
})
