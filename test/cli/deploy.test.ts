import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Holdfast } from '@holdfast/sdk'
import { Run_State, VersionCell_Drift } from '@holdfast/sdk/messages'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until } from '../harness/wait.ts'
import { holdfast, printed, startHoldfast } from './holdfast.ts'

failOnLeaks()

let server: TestServer
let client: Holdfast
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  server = await testServer()
  client = await Holdfast.connect({ address: server.address })
  env = { HOLDFAST_ADDRESS: server.address }
})
afterAll(async () => {
  client.close()
  await server[Symbol.asyncDispose]()
})

const deploy = (service: string, ...rest: string[]) => [
  ...['deploy', service, '--version', '20110502', '--to', 'web-0,web-1', ...rest],
]
const runOf = async (service: string) =>
  (await client.listRuns({ filter: `service = ${service}` }).toArray())[0]!

test('what the command writes is shown and kept; a second deploy waits; the versions are there', async () => {
  const script = 'echo migrating; echo careful >&2; sleep 600'
  await using first = startHoldfast(deploy('airship', '--', 'sh', '-c', script), env)
  await first.sees(/migrating/)
  await using second = startHoldfast(deploy('airship', '--', 'echo', 'mine'), env)
  await until('the second to wait', () => /waiting for airship/.test(second.err()) || undefined)
  const run = await runOf('airship')
  await until(
    'the log to be followed',
    async () => /careful/.test(await printed(['log', run.name], env)) || undefined,
  )
  first.child.kill('SIGINT')
  expect(await first.ended).toMatchObject({ code: 130, err: expect.stringContaining('careful') })
  expect(await client.getRun(run.name)).toMatchObject({ state: Run_State.CANCELLED, exitCode: 130 })
  expect(await second.ended).toMatchObject({ code: 0, out: 'mine\n' })
  expect(await printed(['versions', 'airship'], env)).toMatch(/web-0 .*20110502[\s\S]*web-1 .*20110502/)
})

test('a command that fails gives its code and puts up a hold, which blocks the next with 10', async () => {
  const failed = await holdfast(
    deploy('failing', '--hold-on-failure', '--', 'sh', '-c', 'echo no; exit 7'),
    env,
  )
  expect(failed).toMatchObject({ code: 7, out: 'no\n' })
  expect(await runOf('failing')).toMatchObject({ state: Run_State.FAILED, exitCode: 7 })
  const blocked = await holdfast(deploy('failing', '--', 'true'), env)
  expect(blocked).toMatchObject({ code: 10, err: expect.stringContaining('sh exited with 7') })
})

test('kill -9 in the middle: the command ends, the run is abandoned, the lock passes on, the versions are uncertain', async () => {
  await using first = startHoldfast(
    deploy('killed', '--ttl', '5s', '--', 'sh', '-c', 'echo begun; sleep 600'),
    env,
  )
  await first.sees(/begun/)
  const run = await runOf('killed')
  await using second = startHoldfast(deploy('killed', '--', 'sh', '-c', 'echo mine; exit 1'), env)
  await until('the second to wait', () => /waiting for killed/.test(second.err()) || undefined)
  first.child.kill('SIGKILL')
  expect(await second.ended).toMatchObject({ code: 1, out: 'mine\n' })
  expect(await client.getRun(run.name)).toMatchObject({
    state: Run_State.ABANDONED,
    targets: { uncertain: 2 },
  })
  const cells = await client.listVersions({ filter: 'service = killed' }).toArray()
  expect(cells.map(({ drift }) => drift)).toEqual([VersionCell_Drift.UNCERTAIN, VersionCell_Drift.UNCERTAIN])
  expect(await printed(['versions', 'killed'], env)).toMatch(/uncertain/)
})

test('a lock that is lost stops the command, and the exit code is 12', async () => {
  await using running = startHoldfast(deploy('lost', '--', 'sh', '-c', 'echo begun; sleep 600'), env)
  await running.sees(/begun/)
  const [lock] = await client.listLocks({ scope: 'production/lost', filter: 'state = HELD' }).toArray()
  await client.forceReleaseLock(lock!.name, {
    fencingToken: lock!.fencingToken as never,
    reason: 'the fix goes first',
  })
  expect(await running.ended).toMatchObject({ code: 12, err: expect.stringContaining('the fix goes first') })
  expect(await runOf('lost')).toMatchObject({ state: Run_State.ABANDONED })
})

test('a reader that has gone, such as head, does not end the deploy, and the log is whole', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast-deploy-'))
  const gone = join(directory, 'gone')
  const script = 'echo one; until [ -e "$0" ]; do sleep 0.02; done; seq 1 20000; echo two'
  await using running = startHoldfast(deploy('piped', '--', 'sh', '-c', script, gone), env)
  await running.sees(/one/)
  running.child.stdout!.destroy()
  writeFileSync(gone, '')
  const { code, err } = await running.ended
  rmSync(directory, { recursive: true })
  expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/^holdfast: runs.*\n$/) })
  const run = await runOf('piped')
  expect(run).toMatchObject({ state: Run_State.SUCCEEDED, exitCode: 0 })
  expect(await printed(['log', run.name], env)).toMatch(/^one\n1\n[\s\S]*\n20000\ntwo\n$/)
})

test('a command of several lines, with a password in it, is deployed under a title of one line', async () => {
  const script = 'set -e\nPASSWORD=swordfish true\necho done'
  expect(await holdfast(deploy('lines', '--', 'sh', '-c', script), env)).toMatchObject({
    code: 0,
    out: 'done\n',
  })
  expect((await runOf('lines')).title).toBe('sh -c set -e PASSWORD=*** true echo done')
})

test('HOLDFAST_ENVIRONMENT says where to, as for the other commands', async () => {
  const staging = { ...env, HOLDFAST_ENVIRONMENT: 'staging' }
  expect(await holdfast(deploy('staged', '--', 'true'), staging)).toMatchObject({ code: 0 })
  expect(await runOf('staged')).toMatchObject({ environment: 'staging' })
  await printed(['note', 'moved', '--service', 'staged'], staging)
  expect(await printed(['timeline', '--filter', 'environment = staging'], env)).toMatch(/moved/)
})
