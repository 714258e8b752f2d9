import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Holdfast } from '@holdfast/sdk'
import { expect, test } from 'vitest'
import { program, startProgram } from '../cli/holdfast.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testDataDir, testServer } from '../harness/server.ts'

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

test('the lines of "Beyond this machine" bring up a server that others can reach', async () => {
  const [, lines = ''] = /^```\n(HOLDFAST_ADDRESS=[\s\S]*?)\n```$/m.exec(page) ?? []
  await using directory = await testDataDir()
  const tokens = join(directory.path, 'tokens')
  writeFileSync(tokens, `ada:${'0123456789abcdef'.repeat(2)}\n`)
  const fixtures = join(import.meta.dirname, '../transport/fixtures')
  const here = lines
    .replaceAll(/:742[01] /g, ':0 ')
    .replace('/etc/holdfast/tokens', tokens)
    .replaceAll('/etc/holdfast/server', join(fixtures, 'localhost'))
    .replace('npx holdfast', 'exec "$0"')
  await using server = startProgram('/bin/sh', ['-c', here, program], { HOLDFAST_DATA_DIR: directory.path })
  await server.sees(/^listening on 0\.0\.0\.0:\d+\nhttp on https:\/\/0\.0\.0\.0:\d+$/m)
})
