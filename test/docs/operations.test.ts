import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Holdfast } from '@holdfast/sdk'
import { expect, test } from 'vitest'
import { startProgram } from '../cli/holdfast.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'

failOnLeaks()

const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8')

test('the line for those who only have curl reports a start', async (context) => {
  if (spawnSync('curl', ['--version']).error !== undefined) {
    const message = 'curl is not installed: install the package curl to test the line of docs/operations.md'
    if (process.env.CI === 'true') throw new Error(message)
    process.stderr.write(`SKIPPED: ${message}\n`)
    context.skip()
  }
  const [line] = /^curl .*$/m.exec(page) ?? []
  await using server = await testServer()
  const here = line?.replace('http://127.0.0.1:7421', server.httpUrl) ?? ''
  expect(here).toContain(server.httpUrl)
  const { code, out, err } = await startProgram('/bin/sh', ['-c', here]).ended
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(JSON.parse(out)).toMatchObject({ outcome: { accepted: 1 } })
  await using client = Holdfast.lazy({ address: server.address })
  expect(await client.listInstances().toArray()).toMatchObject([
    { service: 'services/offline-tasks', machine: 'machines/worker-0', runningVersion: '20110502' },
  ])
})
