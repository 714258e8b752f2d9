import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { loadConfig } from '../../server/src/config.ts'
import { ConfigError } from '../../server/src/config-error.ts'
import { relayListenerConfig } from '../../server/src/listener-config.ts'
import { configHelp } from '../../server/src/settings.ts'

const directory = mkdtempSync(join(tmpdir(), 'holdfast-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

function violations(env: NodeJS.ProcessEnv, argv: string[] = []): string[] {
  try {
    loadConfig({ argv, env })
  } catch (error) {
    if (error instanceof ConfigError) return error.violations
  }
  return []
}

test('the defaults', () => {
  expect(loadConfig({ argv: [], env: { XDG_STATE_HOME: '/state' } })).toEqual({
    address: '127.0.0.1:7420',
    httpAddress: '127.0.0.1:7421',
    dataDir: '/state/holdfast',
    databaseUrl: undefined,
    replication: 'asynchronous',
    tokens: undefined,
    tls: undefined,
    logLevel: 'info',
    overriders: [],
    eventRetentionDays: 400,
    changeRetentionDays: 400,
    runRetentionDays: 400,
    maxRuns: 1_000_000,
    convergeTimeoutHours: 24,
  })
})

test('flags win over the environment, the environment over the file', () => {
  const config = file(
    'all.env',
    'HOLDFAST_ADDRESS=localhost:3\nHOLDFAST_LOG_LEVEL=warn\nHOLDFAST_DATA_DIR=/c\n',
  )
  const env = { HOLDFAST_CONFIG_FILE: config, HOLDFAST_ADDRESS: 'localhost:2', HOLDFAST_LOG_LEVEL: 'debug' }
  expect(loadConfig({ argv: ['--address', 'localhost:1'], env })).toMatchObject({
    address: 'localhost:1',
    logLevel: 'debug',
    dataDir: '/c',
  })
})

test('an empty variable is as good as none', () => {
  expect(loadConfig({ argv: [], env: { HOLDFAST_ADDRESS: '', DATABASE_URL: '' } })).toMatchObject({
    address: '127.0.0.1:7420',
    databaseUrl: undefined,
  })
})

test('all that is wrong is told at once', () => {
  const found = violations(
    {
      HOLDFAST_ADDRESS: 'nowhere',
      HOLDFAST_TOKEN_FILE: join(directory, 'missing'),
      HOLDFAST_TLS_KEY_FILE: join(directory, 'missing'),
      HOLDFAST_LOG_LEVEL: 'loud',
      HOLDFAST_EVENT_RETENTION_DAYS: '0',
      HOLDFAST_CHANGE_RETENTION_DAYS: '1.5',
      HOLDFAST_REPLICATION: 'yes',
    },
    ['--database-url', 'mysql://u:hush@h/d'],
  )
  expect(found).toHaveLength(8)
  expect(found.join('\n')).not.toContain('hush')
})

test.each([[['--colour', 'blue']], [['stray']], [['--address']]])('%j is refused', (argv) => {
  expect(violations({}, argv)).toEqual([expect.stringMatching(/^flags: /)])
})

test("an unknown name in the file is refused, in the environment it is somebody else's", () => {
  const config = file('unknown.env', 'HOLDFAST_COLOUR=blue\n')
  expect(violations({ HOLDFAST_COLOUR: 'blue' })).toEqual([])
  expect(violations({}, ['--config', config])).toEqual([
    expect.stringContaining('HOLDFAST_COLOUR is not a setting'),
  ])
})

test('beyond loopback both TLS and a token are needed', () => {
  const tokens = file('tokens', 'alice:s3cret\n')
  for (const address of ['0.0.0.0:7420', '[::]:7420', 'web-0:7420']) {
    expect(violations({ HOLDFAST_ADDRESS: address, HOLDFAST_TOKEN_FILE: tokens })).toEqual([
      expect.stringMatching(/HOLDFAST_TLS_CERT_FILE.*HOLDFAST_TOKEN_FILE/),
    ])
  }
})

test('the HTTP address: its own rules are those of gRPC, and a free port goes with a free port', () => {
  expect(loadConfig({ argv: [], env: { HOLDFAST_ADDRESS: '127.0.0.1:0' } }).httpAddress).toBe('127.0.0.1:0')
  const env = { HOLDFAST_ADDRESS: '127.0.0.1:0', HOLDFAST_HTTP_ADDRESS: 'localhost:80' }
  expect(loadConfig({ argv: [], env }).httpAddress).toBe('localhost:80')
  expect(violations({ HOLDFAST_HTTP_ADDRESS: '0.0.0.0:80' })).toEqual([
    expect.stringMatching(/^HOLDFAST_HTTP_ADDRESS: .*HOLDFAST_TLS_CERT_FILE/),
  ])
})

test('a certificate that is none is refused', () => {
  const pem = file('not.pem', 'hello')
  expect(violations({ HOLDFAST_TLS_CERT_FILE: pem, HOLDFAST_TLS_KEY_FILE: pem })).toHaveLength(1)
})

test('the help has every flag with its variable', () => {
  const lines = configHelp().split('\n')
  expect(lines.filter((line) => !/^ {2}--[a-z-]+ [A-Z:]+ .*\[[A-Z_]+\]$/.test(line))).toEqual([])
  expect(lines.join()).toContain('--token-file FILE')
})

test('what is wrong with the listener of a relay is told by the names of its flags', () => {
  const wrong = (flags: Parameters<typeof relayListenerConfig>[0]) => () => relayListenerConfig(flags)
  expect(wrong({ listen: '0.0.0.0:7422' })).toThrow(
    '--listen: 0.0.0.0:7422 can be reached from other machines, which needs both TLS and a token: set --tls-cert-file, ' +
      '--tls-key-file and --caller-token-file, or listen on loopback, such as 127.0.0.1:7422',
  )
  expect(wrong({ listen: '127.0.0.1:0', tlsCertFile: 'cert.pem' })).toThrow(
    '--tls-cert-file and --tls-key-file go together',
  )
  expect(relayListenerConfig({ listen: '127.0.0.1:0' })).toEqual({
    ...{ address: '127.0.0.1:0', tokens: undefined, tls: undefined },
  })
})
