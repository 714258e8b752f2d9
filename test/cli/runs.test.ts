import { Holdfast } from '@holdfast/sdk'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type TestServer, testServer } from '../harness/server.ts'
import { printed, startHoldfast } from './holdfast.ts'

let server: TestServer
let client: Holdfast
beforeAll(async () => {
  server = await testServer()
  client = await Holdfast.connect({ address: server.address })
})
afterAll(async () => {
  client.close()
  await server[Symbol.asyncDispose]()
})

test('runs lists what was run, log prints what it said, versions says which run brought a version', async () => {
  const env = { HOLDFAST_ADDRESS: server.address }
  const machines = ['web-0', 'web-1', 'web-2']
  const run = await client.startRun({ kind: 'deploy', service: 'airship', version: '20110502', machines })
  await run.log('migrating\n')
  const follower = startHoldfast(['log', run.name, '--follow'], env)
  await follower.sees(/migrating/)
  await run.log(Buffer.from([0xff, 0x0a]))
  await run.finish('succeeded')
  expect(await follower.ended).toMatchObject({ code: 0 })
  expect(await printed(['runs', 'airship', '--machine', 'web-1'], env)).toMatch(
    /deploy +airship +20110502 +production +web-0, web-1 \+1 +succeeded/,
  )
  expect(await printed(['runs', '--state', 'failed', '-o', 'json'], env)).toBe('[]\n')
  const [line] = (await printed(['log', run.name, '--tail', '2', '-o', 'json'], env)).split('\n')
  expect(JSON.parse(line!)).toMatchObject({ offset: '10', data: '/wo=', stream: 'stdout' })
  const versions = JSON.parse(await printed(['versions', 'airship', '-o', 'json'], env))
  expect(versions[0]).toMatchObject({ deployedVersion: '20110502', deploymentId: run.name })
})
