import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reportOnce } from '@holdfast/agent/report-once'
import { Holdfast, type RuleInput } from '@holdfast/sdk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { canRunAsNobody, nobody } from './observe-elsewhere.ts'

failOnLeaks()

/** Of its own name: others may run these tests on this machine. */
const PROGRAM = `blimp-${process.pid}`
/** What a Docker container's group would be called. */
const CONTAINER = `${'c0ffee'.repeat(10)}beef`

const directory = mkdtempSync(join(tmpdir(), 'holdfast-matching-'))
const running: ChildProcess[] = []
const groups: string[] = []
let server: TestServer
let holdfast: Holdfast
let port: number

/** The control group where this user may make one, below which the kernel shows it as it is. */
const groupRoot = ['/sys/fs/cgroup/cgroup.procs', '/sys/fs/cgroup/systemd', '/sys/fs/cgroup/pids']
  .filter((path) => existsSync(path))
  .map((path) => path.replace(/\/cgroup\.procs$/, ''))[0]

function makeGroup(name: string): string | undefined {
  if (groupRoot === undefined) return undefined
  const path = join(groupRoot, `holdfast-${process.pid}.slice`, name)
  try {
    mkdirSync(path, { recursive: true })
  } catch {
    return undefined
  }
  groups.push(path)
  return path
}

const unit = makeGroup('blimp@7.service')
const container = makeGroup(`docker-${CONTAINER}.scope`)

async function run(args: string[], options: SpawnOptions = {}): Promise<ChildProcess> {
  const child = spawn(join(directory, PROGRAM), args, { stdio: ['ignore', 'pipe', 'ignore'], ...options })
  running.push(child)
  await once(child, 'spawn')
  return child
}

beforeAll(async () => {
  chmodSync(directory, 0o755)
  copyFileSync(process.execPath, join(directory, PROGRAM))
  writeFileSync(join(directory, 'wait.cjs'), 'setInterval(() => {}, 1e6)')
  const script = join(directory, 'wait.cjs')
  const listen = `const s = require('node:net').createServer().listen(0, '127.0.0.1', () => console.log(s.address().port))`
  const listener = await run(['-e', listen])
  port = Number(String((await once(listener.stdout!, 'data'))[0]))
  await run([script, '--app=airship', '--release=20110502'])
  await run([script], { argv0: `renamed-${process.pid}` })
  if (canRunAsNobody()) await run([script, 'as-nobody'], nobody)
  for (const [name, group] of [
    ['unit', unit],
    ['container', container],
  ] as const) {
    if (group === undefined) continue
    const { pid } = await run([script, `in-${name}`])
    writeFileSync(join(group, 'cgroup.procs'), String(pid))
  }
  server = await testServer()
  holdfast = Holdfast.lazy({ address: server.address })
  await reportOnce(holdfast, { id: 'here' })
})

afterAll(async () => {
  for (const child of running) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  for (const path of groups) rmdirSync(path)
  if (groups.length > 0) rmdirSync(join(groups[0]!, '..'))
  rmSync(directory, { recursive: true, force: true })
  holdfast.close()
  await server[Symbol.asyncDispose]()
})

/** What a rule finds among the processes that run, as `service~slot version`. */
async function found(rule: RuleInput): Promise<string[]> {
  const { matches } = await holdfast.simulateRule({ executables: [PROGRAM], ...rule })
  return matches.map(({ service, slot, version }) => `${service}~${slot} ${version}`.trim()).sort()
}

test('by the executable, or by the name that it was started under', async () => {
  expect(await found({ serviceTemplate: '{executable}' })).toEqual([`${PROGRAM}~main`])
  expect(await found({ executables: [`renamed-${process.pid}`], serviceTemplate: 'renamed' })).toEqual([
    'renamed~main',
  ])
  expect(await found({ executables: [`other-${process.pid}`], serviceTemplate: 'x' })).toEqual([])
})

test('by the arguments, whose groups are the service, the slot and the version', async () => {
  const rule = {
    argvPattern: '--app=(?P<app>\\w+) --release=(\\d+)',
    serviceTemplate: '{app}',
    slotTemplate: 'of-{1}',
    versionTemplate: '{2}',
  }
  expect(await found(rule)).toEqual(['airship~of-airship 20110502'])
})

test.runIf(canRunAsNobody())('by the user', async () => {
  const rule = { users: ['nobody'], serviceTemplate: 'svc', slotTemplate: '{user}' }
  expect(await found(rule)).toEqual(['svc~nobody'])
})

test('by a port that it listens on', async () => {
  expect(await found({ listeningPorts: [1, port], serviceTemplate: 'svc', slotTemplate: '{port}' })).toEqual([
    `svc~${port}`,
  ])
  expect(
    await found({
      listeningPorts: [port],
      defaultPort: port,
      serviceTemplate: 'svc',
      slotTemplate: '{port}',
    }),
  ).toEqual(['svc~main'])
  expect(await found({ listeningPorts: [1], serviceTemplate: 'svc' })).toEqual([])
})

test.runIf(unit !== undefined)('by the systemd unit', async () => {
  const rule = {
    controlGroupPattern: '/blimp@\\d+\\.service',
    serviceTemplate: 'svc',
    slotTemplate: '{unit}',
  }
  expect(await found(rule)).toEqual(['svc~blimp@7'])
})

test.runIf(container !== undefined)('by the container', async () => {
  const rule = { controlGroupPattern: 'docker', serviceTemplate: 'svc', slotTemplate: '{container}' }
  expect(await found(rule)).toEqual([`svc~${CONTAINER.slice(0, 12)}`])
})

test('all that a rule says must be so', async () => {
  const rule = { argvPattern: '--app=airship', listeningPorts: [port], serviceTemplate: 'svc' }
  expect(await found(rule)).toEqual([])
})
