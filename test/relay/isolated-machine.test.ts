import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { printed, program, startProgram } from '../cli/holdfast.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'
import { certificateFor, isolatedNetwork } from './network.ts'

failOnLeaks()

const directory = mkdtempSync(join(tmpdir(), 'holdfast-isolated-'))
afterAll(() => rmSync(directory, { recursive: true }))

const missing = [
  ...(spawnSync('ip', ['-V']).status === 0 ? [] : ['iproute2']),
  ...(spawnSync('openssl', ['version']).status === 0 ? [] : ['openssl']),
]

/** Whether this user may make network namespaces: root may, but not in every container. */
function mayMakeNetworks(): boolean {
  const probe = `hf-probe-${process.pid}`
  if (spawnSync('ip', ['netns', 'add', probe]).status !== 0) return false
  spawnSync('ip', ['netns', 'del', probe])
  return true
}

function skipReason(): string | undefined {
  if (missing.length > 0) return `the packages ${missing.join(', ')}`
  return mayMakeNetworks() ? undefined : 'the right to make network namespaces'
}

test('a machine with no way to the server but a relay appears, by TLS and tokens on both legs', async (context) => {
  const lacking = skipReason()
  if (lacking !== undefined) {
    const message = `an isolated machine needs ${lacking}`
    if (process.env.CI === 'true' && missing.length > 0) throw new Error(message)
    process.stderr.write(`SKIPPED: ${message}\n`)
    context.skip()
  }
  await using network = isolatedNetwork()
  const { serverHost, relayHost, inIsolated, inRelay } = network
  const { cert, key } = certificateFor(join(directory, 'tls'), [serverHost, relayHost])
  const callers = join(directory, 'callers')
  writeFileSync(callers, 'isolated:for-the-relay\n')
  await using server = await testServer({
    address: `${serverHost}:0`,
    tls: { cert: readFileSync(cert), key: readFileSync(key) },
    tokens: [{ principal: 'relay', token: 'for-the-server' }],
  })
  const serverWay = {
    HOLDFAST_ADDRESS: server.address,
    HOLDFAST_TLS_CA: cert,
    HOLDFAST_TOKEN: 'for-the-server',
  }
  const machine = {
    HOLDFAST_DATA_DIR: join(directory, 'machine'),
    HOLDFAST_TLS_CA: cert,
  }
  const report = (service: string) => [
    ...[...inIsolated, program, 'started', service, '--machine', 'isolated-0', '--timeout', '20s'],
  ]

  const direct = { ...machine, ...serverWay, HOLDFAST_DATA_DIR: join(directory, 'direct') }
  const alone = await startProgram('ip', report('airship'), direct).ended
  expect(alone).toMatchObject({ code: 0, err: expect.stringContaining('is kept on this machine') })

  const flags = ['--caller-token-file', callers, '--tls-cert-file', cert, '--tls-key-file', key]
  const relayDir = { HOLDFAST_DATA_DIR: join(directory, 'relay') }
  const relayArgs = [...inRelay, program, 'relay', '--listen', `${relayHost}:0`, ...flags]
  await using relay = startProgram('ip', relayArgs, { ...serverWay, ...relayDir })
  const [, address] = await relay.sees(/^listening on (\S+)$/m)
  const way = { ...machine, HOLDFAST_ADDRESS: address!, HOLDFAST_TOKEN: 'for-the-relay' }
  const { code, out } = await startProgram('ip', report('airship'), way).ended
  expect({ code, out }).toEqual({ code: 0, out: 'airship started on isolated-0 (a relay sends it)\n' })
  await expect
    .poll(() => printed(['instances'], serverWay), { timeout: 40_000 })
    .toMatch(/isolated-0 +airship.*running/i)
})
