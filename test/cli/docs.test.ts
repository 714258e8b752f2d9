import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AcquiredLock, Holdfast } from '@holdfast/sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { patientLine, program, startProgram } from './holdfast.ts'

failOnLeaks()

const text = readFileSync(join(import.meta.dirname, '../../docs/cli.md'), 'utf8')
const commands = [...text.matchAll(/^```sh\n(.*?)^```/gms)]
  .flatMap((block) => block[1]!.trim().split('\n'))
  .filter((line) => line.startsWith('holdfast '))

let server: TestServer
let client: Holdfast
/** The one that the page ends. */
let lock: AcquiredLock

beforeAll(async () => {
  server = await testServer()
  client = await Holdfast.connect({ address: server.address })
  lock = await client.acquireLock('name:other')
})

afterAll(async () => {
  client.close()
  await server[Symbol.asyncDispose]()
})

/** A line of the page, run by a shell with `holdfast` in its PATH. */
function shell(line: string) {
  const script = `PATH="$(dirname "$0"):$PATH"; ${line}`
  return startProgram('/bin/sh', ['-c', script, program], {
    HOLDFAST_ADDRESS: server.address,
    HOLDFAST_HTTP_ADDRESS: new URL(server.httpUrl).host,
  })
}

describe('docs/cli.md', () => {
  test('shows every command', () => {
    const shown = new Set(commands.map((line) => line.split(' ')[1]))
    expect([...shown].sort()).toEqual([
      'accept',
      'agent',
      'can-deploy',
      'conditions',
      'declare',
      'delete-rule',
      'deploy',
      'deployed',
      'enforce',
      'findings',
      'hold',
      'holds',
      'ignore',
      'import',
      'info',
      'instances',
      'lift',
      'lock',
      'locks',
      'machines',
      'note',
      'put-rule',
      'relay',
      'restore',
      'retire',
      'revoke',
      'rules',
      'runs',
      'satisfy',
      'server',
      'services',
      'simulate-rule',
      'sources',
      'spool',
      'started',
      'stopped',
      'timeline',
      'undecide',
      'unlock',
      'versions',
      'watch',
    ])
  })

  test.each(commands.filter((line) => !/^holdfast (watch|server|relay)/.test(line)))('%s', async (line) => {
    // The time on the page is before anything was reported.
    const empty = line.includes('2026-11-20')
    const { code, err } = await shell(patientLine(line).replace('LOCK', lock.name)).ended
    // What the page decides about may not run on this machine.
    const decides = /^holdfast (accept|ignore|enforce|undecide)/.test(line)
    if (decides && code === 1) expect(err).toMatch(/there is no (findings|machines)\//)
    else if (empty && code === 1) expect(err).toMatch(/compacted|older|before/i)
    else
      expect(`${code} ${err}`).toMatch(
        /^0 (holdfast: (no |nothing is |not all |not seen|ask a holder |lift one |runs\/\S+ begins).*\n)*$/,
      )
  })

  test.each(commands.filter((line) => line.startsWith('holdfast watch')))('%s', async (line) => {
    await using watch = shell(`exec ${line}`)
    if (line.includes('--snapshot') || line.includes('--after')) await watch.sees(/airship/)
    else {
      await expect.poll(() => watch.err(), { timeout: 40_000 }).toContain('watching from')
      const version = `v${line.length}`
      await shell(patientLine(`holdfast deployed airship --version ${version} --machine web-0`)).ended
      await watch.sees(new RegExp(`web-0~airship.*${version}`))
    }
  })
})
