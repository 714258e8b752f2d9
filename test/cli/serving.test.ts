import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { testDataDir } from '../harness/server.ts'
import { until, within } from '../harness/wait.ts'
import { holdfast, printed, startHoldfast, startProgram } from './holdfast.ts'

failOnLeaks()

const fixtures = join(import.meta.dirname, '../transport/fixtures')
const READY = /^listening on (\S+)$/m

describe('holdfast server', () => {
  test('says where it listens, and ends in order at SIGTERM', async () => {
    await using directory = await testDataDir()
    await using server = startHoldfast(['server', '--data-dir', directory.path, '--address', '127.0.0.1:0'])
    const [, address] = await server.sees(READY)
    const [info] = JSON.parse(await printed(['info', '-o', 'json'], { HOLDFAST_ADDRESS: address }))
    expect(info.headRevision ?? '0').toBe('0')
    server.child.kill('SIGTERM')
    expect(await server.ended).toMatchObject({ code: 0 })
  })

  test('has its own help, and takes the flags that stand before its name', async () => {
    expect(await printed(['server', '--help'])).toMatch(/^Examples:\n {2}holdfast server\n[\s\S]*--data-dir/)
    const { code, err } = await holdfast(['--address', 'nonsense', 'server'])
    expect(code).toBe(2)
    expect(err).toContain('nonsense')
  })

  test('a token is asked for, and taken from a file', async () => {
    await using directory = await testDataDir()
    const tokens = join(directory.path, 'tokens')
    const mine = join(directory.path, 'mine')
    await writeFile(tokens, 'deployer:0123456789abcdef0123456789abcdef\n')
    await writeFile(mine, '0123456789abcdef0123456789abcdef\n')
    const flags = ['--data-dir', directory.path, '--address', '127.0.0.1:0', '--token-file', tokens]
    await using server = startHoldfast(['server', ...flags])
    const [, address] = await server.sees(READY)
    const env = { HOLDFAST_ADDRESS: address }
    const refused = await holdfast(['machines'], env)
    expect(refused.code).toBe(1)
    expect(refused.err).toContain('--token-file')
    expect(await printed(['info', '--token-file', mine], env)).toMatch(/^you are +deployer$/m)
  })
})

test('TLS: refused without the authority, and used with it', async () => {
  await using directory = await testDataDir()
  const flags = ['--data-dir', directory.path, '--address', '127.0.0.1:0']
  const files = [
    '--tls-cert-file',
    join(fixtures, 'localhost.crt'),
    '--tls-key-file',
    join(fixtures, 'localhost.key'),
  ]
  await using server = startHoldfast(['server', ...flags, ...files])
  const [, address] = await server.sees(READY)
  const dialled = address!.replace('127.0.0.1', 'localhost')
  expect((await holdfast(['info', '--tls', '--address', dialled])).code).toBe(11)
  const env = { HOLDFAST_TLS_CA: join(fixtures, 'localhost.crt'), HOLDFAST_ADDRESS: dialled }
  expect(await printed(['info'], env)).toMatch(/^revision +0/m)
})

describe('npm start', () => {
  const quickstart = join(import.meta.dirname, '../../cli/dist/quickstart.js')

  test('brings up a server with this machine in it and says what to try; a second Ctrl-C is not needed', async () => {
    await using directory = await testDataDir()
    const flags = ['--data-dir', directory.path, '--address', '127.0.0.1:0']
    const start = () => startProgram(process.execPath, [quickstart, ...flags])
    {
      await using first = start()
      const [, address] = await first.sees(/ready at (\S+)\. Ctrl-C ends it/)
      await first.sees(/has been told about this machine/)
      const suggested = [...first.out().matchAll(/^ {2}npx holdfast (.+?)(?: {2}|$)/gm)].map(
        (match) => match[1]!,
      )
      expect(suggested).toHaveLength(3)
      for (const command of suggested.filter((one) => one !== 'watch')) {
        await printed(command.split(' '), { HOLDFAST_ADDRESS: address })
      }
      const machines = JSON.parse(await printed(['machines', '-o', 'json'], { HOLDFAST_ADDRESS: address }))
      expect(machines).toHaveLength(2)
      // Under npm a Ctrl-C comes twice: from the terminal and from npm.
      first.child.kill('SIGINT')
      first.child.kill('SIGINT')
      expect(await within('the end', first.ended, 50_000)).toMatchObject({ code: 0 })
    }
    await using again = start()
    await again.sees(/ready at/)
    await again.sees(/as-of/)
    expect(again.out()).not.toContain('It is new')
    again.child.kill('SIGTERM')
    expect(await within('the end', again.ended, 50_000)).toMatchObject({ code: 0 })
  })

  test('ends the server when npm and its shell are ended', async () => {
    await using directory = await testDataDir()
    const env = { HOLDFAST_DATA_DIR: directory.path, HOLDFAST_ADDRESS: '127.0.0.1:0' }
    await using npm = startProgram('npm', ['start'], { ...env, HOME: directory.path })
    await npm.sees(/as-of/)
    const postmaster = await directory.postmaster()
    expect(postmaster).toBeGreaterThan(0)
    npm.child.kill('SIGTERM')
    await until('the end of the database', async () => Number.isNaN(await directory.postmaster()))
  })

  test('says why it cannot start', async () => {
    const { code, err } = await startProgram(process.execPath, [quickstart, '--address', 'nonsense']).ended
    expect(code).toBe(2)
    expect(err).toContain('nonsense')
  })
})
