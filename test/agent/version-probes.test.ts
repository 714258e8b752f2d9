import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from '@holdfast/agent/daemon'
import { reportOnce } from '@holdfast/agent/report-once'
import { Holdfast } from '@holdfast/sdk'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'

failOnLeaks()

/** Of its own name: others may run these tests on this machine. */
const AIRSHIP = `airship-${process.pid}`

let server: TestServer
let holdfast: Holdfast
let directory: string
let probes: string
let airship: ChildProcess

beforeAll(async () => {
  server = await testServer()
  holdfast = Holdfast.lazy({ address: server.address })
})
afterAll(async () => {
  holdfast.close()
  await server[Symbol.asyncDispose]()
})

/** A program of its own name, running in a directory of its own. */
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-probes-'))
  // mkdtemp gives it to its owner alone, and a probe runs as the user of the process, which is the same.
  probes = join(directory, 'probes')
  await mkdir(probes, { mode: 0o755 })
  const file = join(directory, AIRSHIP)
  await copyFile('/bin/sleep', file)
  airship = spawn(file, ['1000'], { cwd: directory, stdio: 'ignore' })
  await once(airship, 'spawn')
})
afterEach(async () => {
  airship.kill('SIGKILL')
  if (airship.exitCode === null && airship.signalCode === null) await once(airship, 'exit')
  await rm(directory, { recursive: true, force: true })
})

/** The version that is found by a rule, and what the agent says when there is none. */
async function found(
  rule: { versionFile?: string; versionCommand?: string },
  limits: { probeMs?: number } = { probeMs: 20_000 },
) {
  await holdfast.putDiscoveryRule('airship', {
    rule: { executables: [AIRSHIP], serviceTemplate: 'airship', priority: 50, ...rule },
  })
  const troubles: string[] = []
  await reportOnce(holdfast, {
    id: 'here',
    allowedProbes: [probes],
    ...limits,
    onTrouble: (message) => troubles.push(message),
  })
  const [finding] = await holdfast.listFindings({ filter: 'machine = here AND service = airship' }).toArray()
  expect(finding?.process?.pid).toBe(BigInt(airship.pid!))
  return { version: finding!.process!.version, troubles }
}

async function program(name: string, script: string, mode = 0o755): Promise<void> {
  await writeFile(join(probes, name), `#!/bin/sh\n${script}\n`)
  await chmod(join(probes, name), mode)
}

const isGone = (pid: number): boolean => {
  try {
    return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)])
      .toString()
      .startsWith('Z')
  } catch {
    return true
  }
}

test('a version is read from a file in the working directory of the process', async () => {
  await writeFile(join(directory, 'REVISION'), '4f2c9d1e7ab0\n')
  expect(await found({ versionFile: 'REVISION' })).toEqual({ version: '4f2c9d1e7ab0', troubles: [] })
})

test('a version is read from a file of any name in a directory that is allowed', async () => {
  await writeFile(join(probes, 'about'), 'airship 2.14.0 (built on a Tuesday)\n')
  expect(await found({ versionFile: join(probes, 'about') })).toMatchObject({ version: '2.14.0' })
})

test('no other file is read, whatever a rule says', async () => {
  await writeFile(join(directory, 'token'), '1.2.3-very-secret\n')
  for (const versionFile of ['token', join(probes, '../token'), `${probes}/../token`]) {
    const { version, troubles } = await found({ versionFile })
    expect(version).toBe('')
    expect(troubles).toEqual([expect.stringContaining('is not called VERSION, REVISION or RELEASE')])
  }
})

test('of a file of a gigabyte the beginning is read', async () => {
  await writeFile(join(directory, 'VERSION'), '7.1.0\n')
  await truncate(join(directory, 'VERSION'), 1_000_000_000)
  expect(await found({ versionFile: 'VERSION' })).toMatchObject({ version: '7.1.0' })
})

test('of a file that never ends nothing is read', async () => {
  execFileSync('mkfifo', [join(directory, 'RELEASE')])
  const { version, troubles } = await found({ versionFile: 'RELEASE' }, {})
  expect(version).toBe('')
  expect(troubles).toEqual(['no version by rule airship: no end within 2000 ms'])
})

test('a program in a directory that is allowed is asked, and told of which process', async () => {
  await program(
    'ask',
    `echo noise 9.9.9 >&2; echo "$HOLDFAST_PID $HOLDFAST_EXECUTABLE $#" > ${directory}/told; echo airship 3.1.4`,
  )
  expect(await found({ versionCommand: 'ask' })).toEqual({ version: '3.1.4', troubles: [] })
  expect(await readFile(join(directory, 'told'), 'utf8')).toBe(
    `${airship.pid} ${join(directory, AIRSHIP)} 0\n`,
  )
})

test('no program is run from elsewhere, or that others may change', async () => {
  await writeFile(join(directory, 'elsewhere'), `#!/bin/sh\ntouch ${directory}/ran\n`, { mode: 0o755 })
  await program('loose', `touch ${directory}/ran; echo 1.0`, 0o777)
  for (const [versionCommand, why] of [
    ['elsewhere', 'there is no program elsewhere in a directory of --allow-probes'],
    ['loose', 'may be changed by others'],
    ['..', 'there is no program ..'],
  ] as const) {
    const { version, troubles } = await found({ versionCommand })
    expect(version).toBe('')
    expect(troubles).toEqual([expect.stringContaining(why)])
  }
  await expect(readFile(join(directory, 'ran'))).rejects.toThrow('ENOENT')
})

test('a probe that hangs is ended with what it started, and the scan goes on', async () => {
  await program('hang', `sleep 1000 & echo $! > ${directory}/child; wait`)
  // Long enough to have begun.
  const { version, troubles } = await found({ versionCommand: 'hang' }, { probeMs: 5_000 })
  expect(version).toBe('')
  expect(troubles).toEqual(['no version by rule airship: no end within 5000 ms'])
  const child = Number(await readFile(join(directory, 'child'), 'utf8'))
  await until('the end of its child', () => isGone(child))
})

test('a probe that prints a gigabyte is ended at 64 KiB', async () => {
  await program('flood', `echo $$ > ${directory}/child; yes 1.2.3 | head -c 1000000000`)
  const before = process.memoryUsage().rss
  const { version, troubles } = await found({ versionCommand: 'flood' })
  expect(version).toBe('')
  expect(troubles).toEqual(['no version by rule airship: more than 65536 bytes of output'])
  expect(process.memoryUsage().rss - before).toBeLessThan(200_000_000)
  const child = Number(await readFile(join(directory, 'child'), 'utf8'))
  await until('its end', () => isGone(child))
})

test('an agent that goes on reads what a new rule names, and again when the process is another', async () => {
  await writeFile(join(directory, 'REVISION'), 'aaaa1111\n')
  await holdfast.putDiscoveryRule('airship', {
    rule: { executables: [AIRSHIP], serviceTemplate: 'airship', priority: 50, versionFile: 'REVISION' },
  })
  await using agent = new Agent({
    client: holdfast,
    dataDir: join(directory, 'agent'),
    id: 'here',
    scanMs: 1_000,
    cloud: false,
    onTrouble: () => {},
  })
  await agent.start()
  const seen = (pid: number, version: string) =>
    until(`${version} of ${pid}`, async () => {
      const [finding] = await holdfast
        .listFindings({ filter: 'machine = here AND service = airship' })
        .toArray()
      return finding?.process?.pid === BigInt(pid) && finding.version === version
    })
  await seen(airship.pid!, 'aaaa1111')
  // What the file says later is what the next process runs, and not this one.
  await writeFile(join(directory, 'REVISION'), 'bbbb2222\n')
  const next = spawn(join(directory, AIRSHIP), ['1001'], { cwd: directory, stdio: 'ignore' })
  try {
    await once(next, 'spawn')
    airship.kill('SIGKILL')
    await seen(next.pid!, 'bbbb2222')
  } finally {
    next.kill('SIGKILL')
    if (next.exitCode === null && next.signalCode === null) await once(next, 'exit')
  }
})

test('a probe that fails gives no version, whatever it prints', async () => {
  await program('fail', 'echo 1.2.3; exit 3')
  expect(await found({ versionCommand: 'fail' })).toEqual({
    version: '',
    troubles: ['no version by rule airship: it ended with 3'],
  })
})
