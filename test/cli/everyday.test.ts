import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { availableParallelism, hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { machineIdFromHostname } from '@holdfast/agent/machine-identity'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { canRunAsNobody, nobody } from '../agent/observe-elsewhere.ts'
import { admin } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { holdfast, printed, program, startHoldfast, startProgram } from './holdfast.ts'

failOnLeaks()

let server: TestServer
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  server = await testServer()
  env = { HOLDFAST_ADDRESS: server.address }
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

const run = (...args: string[]) => printed(args, env)
const rows = async (...args: string[]) => JSON.parse(await printed([...args, '-o', 'json'], env))

test('who dials the HTTP address of a server is told that it is not the one to dial', async () => {
  const { code, err } = await holdfast(['machines'], { HOLDFAST_ADDRESS: new URL(server.httpUrl).host })
  expect(code).toBe(11)
  expect(err).toContain('does not speak gRPC')
})

describe('the main job', () => {
  test('agent --once shows this machine with its real CPUs, memory and disks', async () => {
    const id = machineIdFromHostname(hostname())
    expect(await run('agent', '--once')).toMatch(
      new RegExp(`^reported ${id}: hardware, os, network and \\d+ processes`),
    )
    const [machine] = await rows('machines', '--filter', `name = "${id}"`)
    expect(machine.name).toBe(`machines/${id}`)
    expect(machine.hardware.cpuLogicalCount).toBeGreaterThanOrEqual(availableParallelism())
    if (process.platform === 'linux') {
      const total = Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024
      expect(machine.hardware.memoryBytes).toBe(String(total))
    }
    const table = (await run('machines')).split('\n')
    expect(table[0]).toMatch(/^MACHINE +STATE +CPUS +MEMORY +DISKS +ARCH +OS +SEEN$/)
    expect(table[1]).toMatch(new RegExp(`^${id} +active +\\d+ +[\\d.]+ GiB`))
  })

  test.runIf(canRunAsNobody())(
    'agent --once says what its user may not see, and what that means',
    async () => {
      const listener = createServer().listen(0, '127.0.0.1')
      await once(listener, 'listening')
      try {
        const asNobody = ['--reuid', String(nobody.uid), '--regid', String(nobody.gid), '--clear-groups']
        await using look = startProgram('setpriv', [...asNobody, program, 'agent', '--once'], env)
        const { code, err } = await look.ended
        expect({ code, err }).toMatchObject({
          code: 0,
          err: expect.stringMatching(/^holdfast: not seen: which processes have ports? \d/m),
        })
        expect(err).toContain('a finding vanishes when none of its service is left')
      } finally {
        listener.close()
      }
    },
  )

  test('a second look that finds the same does not change the machine', async () => {
    // Not the ledger's head: what runs on the machine of the tests comes and goes.
    const revision = async () =>
      (await rows('machines', '--filter', `name = "${machineIdFromHostname(hostname())}"`))[0].revision
    await run('agent', '--once')
    const before = await revision()
    await run('agent', '--once')
    expect(await revision()).toBe(before)
  })

  test('a start and a deploy appear in a running watch at once, in the timeline and in versions', async () => {
    await using watch = startHoldfast(['watch'], env)
    await using lines = startHoldfast(['watch', '--filter', 'service = airship', '-o', 'json'], env)
    for (const one of [watch, lines])
      await until('a watch to begin', () => one.err().includes('watching from'))
    const before = new Date()
    expect(await run('started', 'offline-tasks', '--machine', 'worker-0', '--version', '1.2.3')).toMatch(
      /^offline-tasks started on worker-0 \(revision \d+\)\n$/,
    )
    const [, revision] = await watch.sees(
      /^\d\d:\d\d:\d\d {2}r(\d+) {2}instance {2}worker-0~offline-tasks {2}RUNNING 1\.2\.3$/m,
    )
    await run('deployed', 'airship', '--version', '20110502', '--machine', 'web-0')
    await watch.sees(/instance {2}web-0~airship {2}KNOWN deployed 20110502$/m)
    await lines.sees(/20110502.*\n/)
    const change = lines
      .out()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const instance = change.find((one) => one.resource.instance !== undefined)
    expect(instance).toMatchObject({
      type: 'TYPE_PUT',
      resource: { instance: { deployedVersion: '20110502' } },
    })
    expect(Date.parse(instance.commitTime)).toBeGreaterThanOrEqual(before.getTime() - 1)

    const timeline = await run('timeline')
    expect(timeline).toMatch(/worker-0 +offline-tasks started 1\.2\.3 .*running_version – → 1\.2\.3/)
    expect(timeline).toMatch(/web-0 +airship 20110502 deployed .*deployed_version – → 20110502/)
    expect(await run('versions', 'airship')).toMatch(
      /^airship +production +web-0 +20110502 +known +nothing declared {2}/m,
    )

    // Before both of them there was neither.
    const past = String(Number(revision) - 1)
    const names = async (...args: string[]) =>
      (await rows('instances', ...args)).map((one: { name: string }) => one.name)
    expect(await names()).toEqual(
      expect.arrayContaining(['instances/web-0~airship', 'instances/worker-0~offline-tasks']),
    )
    expect(await names('--as-of', past)).not.toContain('instances/worker-0~offline-tasks')
    expect(await names('--as-of', before.toISOString())).not.toContain('instances/worker-0~offline-tasks')
    expect((await run('timeline', '--as-of', past)).includes('offline-tasks')).toBe(false)
  })

  test('a declared version gives drift in words', async () => {
    await run('deployed', 'billing', '--version', '1', '--machine', 'web-0,web-1')
    await run('started', 'billing', '--machine', 'web-0', '--version', '1')
    await run('declare', 'billing', '--environment', 'production', '--version', '2')
    const table = await run('versions', 'billing')
    expect(table).toMatch(/^billing +production +web-0 +2 +1 +1 +running +behind what is declared {2}/m)
    expect(await run('services', '--filter', 'name = billing')).toMatch(/^billing +production 2 /m)
  })

  test('stopped, note, retire and restore', async () => {
    await run('started', 'cron', '--machine', 'web-9')
    await run('stopped', 'cron', '--machine', 'web-9', '--exit-code', '3', '--reason', 'maintenance')
    expect(await rows('instances', '--filter', 'service = cron')).toMatchObject([
      { state: 'STATE_STOPPED', exitCode: 3 },
    ])
    await run('note', 'drained\nby hand', '--machine', 'web-9')
    expect(await run('timeline', '--filter', 'machine = web-9', '--limit', '1')).toContain(
      'note: drained\\nby hand',
    )
    expect(await run('retire', 'web-9', '--reason', 'sold')).toMatch(/^web-9 is retired \(revision \d+\)\n$/)
    expect(await run('machines', '--filter', 'name = "web-9"')).toMatch(/^web-9 +retired/m)
    expect(await rows('restore', 'web-9')).toMatchObject([
      { name: 'machines/web-9', lifecycle: 'LIFECYCLE_ACTIVE' },
    ])
  })

  test('without --machine it is this machine, by its machine-id', async () => {
    await run('agent', '--once')
    await run('started', 'local-service')
    const [instance] = await rows('instances', '--filter', 'service = local-service')
    expect(instance.machine).toBe(`machines/${machineIdFromHostname(hostname())}`)
  })

  test('sources and info', async () => {
    expect(await run('sources')).toMatch(/^cli\/\S+ +(just now|\d+[sm] ago)/m)
    expect(await run('info')).toMatch(new RegExp(`^address +${server.address}$`, 'm'))
  })
})

describe('listings', () => {
  test('all pages come, and --limit ends them', async () => {
    const machines = Array.from({ length: 1_000 }, (_, index) => `many-${index}`)
    for (const version of ['1', '2']) {
      await run('deployed', `fleet-${version}`, '--version', version, '--machine', machines.join(','))
    }
    const filter = ['--filter', 'machine = many-*']
    expect(await rows('instances', ...filter)).toHaveLength(2_000)
    expect((await run('instances', ...filter)).trim().split('\n')).toHaveLength(2_001)
    expect(await rows('instances', ...filter, '--limit', '1500')).toHaveLength(1_500)
    expect((await run('instances', ...filter, '--limit', '3')).trim().split('\n')).toHaveLength(4)
  })

  test('nothing found is an empty array, or a word on stderr', async () => {
    const filter = ['--filter', 'name = "nobody"']
    expect(await rows('machines', ...filter)).toEqual([])
    expect(await holdfast(['machines', ...filter], env)).toMatchObject({
      code: 0,
      out: '',
      err: 'holdfast: no machines\n',
    })
  })

  test('an order is kept', async () => {
    await run('declare', 'zz-first', '--owner', 'a-team')
    const [first] = await rows('services', '--order-by', 'name desc', '--limit', '1')
    expect(first.name).toBe('services/zz-first')
  })

  test('a filter with an unknown field is a usage error that says where', async () => {
    const { code, err } = await holdfast(['machines', '--filter', 'bogus = 1'], env)
    expect(code).toBe(2)
    expect(err).toContain('bogus')
  })

  test('a machine that is not there is a failure', async () => {
    const { code, err } = await holdfast(['retire', 'nobody', '--reason', 'x'], env)
    expect(code).toBe(1)
    expect(err).toContain('nobody')
  })

  test('a revision that has not come yet is a failure that says what to do', async () => {
    const { code, err } = await holdfast(['machines', '--as-of', '999999'], env)
    expect(code).toBe(1)
    expect(err).toContain('holdfast info')
  })

  test('a reader that has seen enough ends it quietly', async () => {
    const script = '"$0" instances -o json | head -n 1'
    const ran = await startProgram('/bin/sh', ['-c', script, program], env).ended
    expect(ran).toMatchObject({ code: 0, err: '' })
  })
})

test('the timeline as of the oldest, the last and the next revision', async () => {
  await using own = await testServer()
  const there = { HOLDFAST_ADDRESS: own.address }
  for (const service of ['one', 'two', 'three']) {
    await printed(['deployed', service, '--version', '1', '--machine', 'web-0'], there)
  }
  await admin('update ledger set compacted = 1', own.url)
  const at = (revision: number) => holdfast(['timeline', '--as-of', String(revision)], there)
  expect((await at(1)).out).toMatch(/^TIME.*\n.*one 1 deployed.*\n$/)
  expect((await at(2)).out).toMatch(/^TIME.*\n.*two 1 deployed.*\n.*one 1 deployed.*\n$/)
  expect((await at(3)).out).toMatch(/three 1 deployed/)
  for (const ahead of [4, 40]) {
    const { code, err } = await at(ahead)
    expect(code).toBe(1)
    expect(err).toMatch(new RegExp(`revision ${ahead} .*3`))
  }
  await admin('update ledger set compacted = 2', own.url)
  const old = await at(1)
  expect(old.code).toBe(1)
  expect(old.err).toMatch(/revision 1 .*2/)
})

test('what goes wrong on this machine is told in a line, without a stack trace', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  const unwritable = { HOLDFAST_DATA_DIR: '/dev/null/x', HOLDFAST_ADDRESS: '127.0.0.1:1' }
  for (const [args, code, why, there] of [
    [['relay', '--listen', `127.0.0.1:${port}`], 1, /EADDRINUSE.*already in use/, env],
    [['relay'], 1, /ENOTDIR/, unwritable],
    [['agent', '--no-cloud'], 1, /ENOTDIR/, unwritable],
    [['spool', 'status'], 1, /ENOTDIR/, unwritable],
    [['spool', 'export', '/dev/null/x'], 1, /ENOTDIR/, env],
    [
      ['import', 'chef', '--http-address', 'nonsense:99999', '-'],
      2,
      /"nonsense:99999" is not HOST:PORT/,
      env,
    ],
  ] as const) {
    const ran = await holdfast(args, there)
    expect({ args, ...ran }).toMatchObject({ code, err: expect.stringMatching(why) })
    expect(ran.err).not.toMatch(/unexpected|^ {4}at /m)
  }
  holder.close()
})

test('the pinned Node runs it, whatever node is beside the link that it is called by', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-link-'))
  symlinkSync(program, join(directory, 'holdfast'))
  writeFileSync(join(directory, 'node'), '#!/bin/sh\necho another\n', { mode: 0o755 })
  const { out } = await startProgram(join(directory, 'holdfast'), ['--version']).ended
  expect(out).toMatch(/^\d+\.\d+\.\d+\n$/)
  rmSync(directory, { recursive: true })
})
