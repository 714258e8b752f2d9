import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Holdfast } from '@holdfast/sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { patient, program, startProgram } from '../cli/holdfast.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'

failOnLeaks()

const root = join(import.meta.dirname, '../..')
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>
}

/** The lines of a page's shell blocks, without their comments. */
function commandsOf(page: string): string[] {
  const text = readFileSync(join(root, page), 'utf8')
  return [...text.matchAll(/^```sh\n(.*?)^```/gms)]
    .flatMap((block) => block[1]!.trim().split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '')
}

let server: TestServer

beforeAll(async () => {
  server = await testServer()
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

describe('README.md', () => {
  const commands = commandsOf('README.md')

  // What these do is tested at length elsewhere: starting a server, and the scripts that run this very test.
  test.each(commands.filter((line) => line.startsWith('npm ')))('%s is a script of package.json', (line) => {
    for (const [, name] of line.matchAll(/npm (?:run )?([a-z]+)/g)) {
      expect(name === 'ci' || name! in scripts, `npm has no script ${name}`).toBe(true)
    }
  })

  const holdfast = commands.filter((line) => line.startsWith('npx holdfast ') && !line.endsWith(' server'))
  test('its commands run in their order', async () => {
    await using watch = startProgram(program, ['watch'], { HOLDFAST_ADDRESS: server.address })
    await expect.poll(() => watch.err(), { timeout: 40_000 }).toContain('watching from')
    for (const line of holdfast) {
      const args = line.split(' ').slice(2)
      if (args[0] === 'watch') continue
      const past = args.includes('--as-of')
      const { code, err } = await startProgram(program, patient(args), { HOLDFAST_ADDRESS: server.address })
        .ended
      if (past && code === 1) expect(err).toMatch(/compacted|older|before/i)
      else expect(`${line}: ${code} ${err}`).toMatch(/: 0 /)
    }
    await watch.sees(/web-0~airship.*20110502/)
  })
})

describe('docs/locks.md', () => {
  const text = readFileSync(join(root, 'docs/locks.md'), 'utf8')
  const lines = [...text.matchAll(/^```sh\n(.*?)^```/gms)].flatMap((block) => block[1]!.trim().split('\n'))

  test('its commands run in their order, and exit as it says', async () => {
    await using client = await Holdfast.connect({ address: server.address })
    const lock = await client.acquireLock('name:other')
    for (const line of lines) {
      const command = line.replace('LOCK ', `${lock.name} `)
      const script = `PATH="$(dirname "$0"):$PATH"; ${command}`
      const { code, err } = await startProgram('/bin/sh', ['-c', script, program], {
        HOLDFAST_ADDRESS: server.address,
      }).ended
      expect(`${code} ${line}\n${err}`).toMatch(/# exit code 10$/m.test(line) ? /^10 / : /^0 /)
    }
    expect(lock.state).toBe('lost')
  })
})

describe('docs/discovery.md', () => {
  test('its commands run in their order', async () => {
    await using client = await Holdfast.connect({ address: server.address })
    const redis = {
      pid: 7,
      executableName: 'redis-server',
      commandArgs: ['redis-server'],
      createdAt: new Date(0),
    }
    for (const machine of ['web-0', 'web-1']) await client.observe(machine, { processes: [redis] })
    for (const line of commandsOf('docs/discovery.md')) {
      const script = `PATH="$(dirname "$0"):$PATH"; ${line}`
      const { code, out, err } = await startProgram('/bin/sh', ['-c', script, program], {
        HOLDFAST_ADDRESS: server.address,
      }).ended
      expect(`${line}: ${code} ${err}`).toMatch(/: 0 /)
      if (line.includes('--filter') && line.includes('redis')) {
        expect(out).toMatch(line.includes('--yes') ? /web-1~redis is monitored/ : /web-1~redis +undecided/)
      }
    }
  })
})
