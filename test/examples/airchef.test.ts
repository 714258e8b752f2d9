import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { printed, program, startHoldfast, startProgram } from '../cli/holdfast.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { until, within } from '../harness/wait.ts'

const examples = join(import.meta.dirname, '../../examples')
const scratch = mkdtempSync(join(tmpdir(), 'holdfast-airchef-'))
let server: TestServer
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  server = await testServer()
  env = { HOLDFAST_ADDRESS: server.address }
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(scratch, { recursive: true })
})

const airchef = (args: string[], more: NodeJS.ProcessEnv = {}) =>
  startProgram(
    process.execPath,
    ['--conditions=holdfast-source', join(examples, 'airchef/deploy.ts'), ...args],
    { ...env, ...more },
  )
const MACHINES = ['web-0', 'web-1', 'web-2']

/** An update that is at work on the second machine for as long as airchef lives. */
function slowUpdate(): NodeJS.ProcessEnv {
  const script = join(scratch, 'slow.sh')
  writeFileSync(
    script,
    'echo "$1: migrating"; test "$1" = web-0 || while kill -0 $PPID 2>&-; do sleep 0.1; done\n',
  )
  return { AIRCHEF_UPDATE: script }
}

test('airchef deploys to three machines, and the run, its log and the versions show it', async () => {
  const { code, out, err } = await airchef(['airship', '20110502', ...MACHINES]).ended
  expect(`${code} ${err}`).toMatch(/^0 .*runs\/\S+ begins/)
  expect(out).toContain('web-1: migrating\n')
  const run = /runs\/\S+/.exec(err)![0]
  expect(await printed(['runs', 'airship'], env)).toMatch(/20110502/)
  expect(await printed(['log', run, '--follow'], env)).toBe(out)
  await until(
    'the log to be found',
    async () => /airship/.test(await printed(['runs', '--search', 'migrating'], env)) || undefined,
  )
  const versions = await printed(['versions', 'airship'], env)
  for (const machine of MACHINES) expect(versions).toMatch(new RegExp(`${machine} .*20110502`))
})

test('a second deploy waits while the log of the first is followed; after kill -9 of the first its run is abandoned, its versions uncertain, and the second goes on', async () => {
  await using first = airchef(['killed', '1', ...MACHINES], slowUpdate())
  await first.sees(/web-1: migrating/)
  const [run] = await until('the run to be told', () => /runs\/\S+/.exec(first.err()) ?? undefined)
  await using follower = startHoldfast(['log', run!, '--follow'], env)
  await follower.sees(/web-1: migrating/)
  expect(follower.child.exitCode).toBe(null)
  await using second = airchef(['killed', '2', 'web-2'])
  await until('the second to wait', () => /waiting for .*deploy 1/.test(second.err()) || undefined)
  first.child.kill('SIGKILL')
  expect(await within('the second', second.ended, 60_000)).toMatchObject({ code: 0 })
  expect(await within('the end of the log', follower.ended, 60_000)).toMatchObject({ code: 0 })
  expect(await printed(['runs', 'killed'], env)).toMatch(/abandoned/)
  const versions = await printed(['versions', 'killed'], env)
  expect(versions).toMatch(/web-0 .* 1 /)
  expect(versions).toMatch(/web-1 .*uncertain/)
  expect(versions).toMatch(/web-2 .* 2 /)
})

test('a service under plain sh phones home when it starts and when it stops', async () => {
  const service = (action: string) =>
    startProgram(join(examples, 'service/airship.sh'), [action], {
      ...{ ...env, PATH: `${dirname(program)}:${process.env.PATH}`, HOLDFAST_MACHINE: 'worker-0' },
      ...{ HOLDFAST_DATA_DIR: join(scratch, 'data'), AIRSHIP_PID_FILE: join(scratch, 'airship.pid') },
      ...{ AIRSHIP_COMMAND: 'sleep 600', AIRSHIP_VERSION: '20110502' },
    }).ended
  // What could not be sent in time is kept, and goes with the next report.
  expect(await service('start')).toMatchObject({ code: 0 })
  expect(await service('stop')).toMatchObject({ code: 0 })
  await printed(['spool', 'forward'], { ...env, HOLDFAST_DATA_DIR: join(scratch, 'data') })
  expect(await printed(['instances'], env)).toMatch(/worker-0.*stopped.*20110502/)
  const told = await printed(['timeline', '--filter', 'machine = worker-0'], env)
  for (const word of ['started', 'stopped']) expect(told).toContain(word)
})
