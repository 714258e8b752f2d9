import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { automateFile } from '../chef/messages.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { holdfast, printed } from './holdfast.ts'

const scratch = mkdtempSync(join(tmpdir(), 'holdfast-import-'))
let server: TestServer
let env: Record<string, string>
beforeAll(async () => {
  server = await testServer()
  env = { HOLDFAST_ADDRESS: server.address, HOLDFAST_HTTP_ADDRESS: server.httpUrl.replace('http://', '') }
})
afterAll(async () => {
  rmSync(scratch, { recursive: true })
  await server[Symbol.asyncDispose]()
})

test('import chef reads the messages of a file, and again without a change', async () => {
  const first = await printed(['import', 'chef', automateFile], env)
  expect(first).toBe(`${automateFile}: 4 recorded, 0 known before, 0 refused\n`)
  const again = await printed(['import', 'chef', automateFile], env)
  // A ping has no run that it could be known by.
  expect(again).toBe(`${automateFile}: 1 recorded, 3 known before, 0 refused\n`)
  expect(await printed(['machines'], env)).toMatch(/insights\.B/)
  expect(await printed(['runs', '--machine', 'insights.B'], env)).toMatch(/converge .*succeeded.*chef-client/)
})

test('a line that is refused is told with its number, and the others land', async () => {
  const file = join(scratch, 'mixed.jsonl')
  const good = { message_type: 'run_converge', run_id: randomUUID(), node_name: 'mixed-0', status: 'success' }
  const action = { message_type: 'action' }
  writeFileSync(file, ['{"cut off', '', JSON.stringify(action), JSON.stringify(good)].join('\n'))
  const { code, out, err } = await holdfast(['import', 'chef', file], env)
  expect({ code, out }).toEqual({
    code: 1,
    out: `${file}: 1 recorded, 0 known before, 1 refused, 1 about no machine\n`,
  })
  expect(err).toMatch(/^holdfast: line 1 is refused: body: is not JSON/)
})

test('without a server, and without a file, it says so', async () => {
  const away = { ...env, HOLDFAST_HTTP_ADDRESS: '127.0.0.1:1' }
  const unreachable = await holdfast(['import', 'chef', automateFile], away)
  expect(unreachable).toMatchObject({ code: 11, err: expect.stringContaining('--http-address') })
  const missing = await holdfast(['import', 'chef', join(scratch, 'none')], env)
  expect(missing).toMatchObject({ code: 2, err: expect.stringContaining('cannot be read') })
})
