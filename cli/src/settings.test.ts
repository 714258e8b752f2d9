import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type GlobalFlags, resolveSettings } from './settings.ts'
import { UsageError } from './usage-error.ts'

let home: string
let env: NodeJS.ProcessEnv

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'holdfast-'))
  env = { XDG_CONFIG_HOME: home }
})

afterEach(() => rmSync(home, { recursive: true }))

function writeConfig(text: string): void {
  mkdirSync(join(home, 'holdfast'), { recursive: true })
  writeFileSync(join(home, 'holdfast', 'config.json'), text)
}

describe('resolveSettings', () => {
  test('without anything there are defaults', () => {
    expect(resolveSettings({}, env)).toEqual({
      address: '127.0.0.1:7420',
      token: undefined,
      tls: undefined,
      output: 'table',
      environment: undefined,
      machine: undefined,
    })
  })

  test('flags win over the environment, the environment over the config file', () => {
    writeConfig('{ "address": "file:1", "environment": "file", "output": "json", "tls": true }')
    expect(resolveSettings({}, env)).toMatchObject({
      address: 'file:1',
      environment: 'file',
      output: 'json',
      tls: true,
    })
    env.HOLDFAST_ADDRESS = 'env:1'
    env.HOLDFAST_ENVIRONMENT = 'env'
    env.HOLDFAST_OUTPUT = 'table'
    env.HOLDFAST_TLS = 'false'
    expect(resolveSettings({}, env)).toMatchObject({
      address: 'env:1',
      environment: 'env',
      output: 'table',
      tls: false,
    })
    expect(resolveSettings({ address: 'flag:1', output: 'json', tls: true }, env)).toMatchObject({
      address: 'flag:1',
      output: 'json',
      tls: true,
    })
  })

  test('an empty variable is one that is not set', () => {
    env.HOLDFAST_ADDRESS = ''
    env.HOLDFAST_TOKEN = ''
    expect(resolveSettings({}, env)).toMatchObject({ address: '127.0.0.1:7420', token: undefined })
  })

  test('a token comes from the flag, HOLDFAST_TOKEN, HOLDFAST_TOKEN_FILE or the config file, in this order', () => {
    const write = (name: string) => {
      writeFileSync(join(home, name), `${name}\n`)
      return join(home, name)
    }
    writeConfig(JSON.stringify({ tokenFile: write('configured') }))
    expect(resolveSettings({}, env).token).toBe('configured')
    env.HOLDFAST_TOKEN_FILE = write('env-file')
    expect(resolveSettings({}, env).token).toBe('env-file')
    env.HOLDFAST_TOKEN = 'env'
    expect(resolveSettings({}, env).token).toBe('env')
    expect(resolveSettings({ tokenFile: write('flag') }, env).token).toBe('flag')
  })

  test('a certificate authority is read', () => {
    writeFileSync(join(home, 'ca.pem'), 'PEM')
    expect(resolveSettings({ tlsCa: join(home, 'ca.pem') }, env).tls).toEqual({ ca: 'PEM' })
  })

  test('a flag silences what the environment says of TLS, and the environment the config file', () => {
    writeFileSync(join(home, 'ca.pem'), 'PEM')
    const ca = join(home, 'ca.pem')
    writeConfig(JSON.stringify({ tlsCa: ca }))
    expect(resolveSettings({}, env).tls).toEqual({ ca: 'PEM' })
    expect(resolveSettings({}, { ...env, HOLDFAST_TLS: 'false' }).tls).toBe(false)
    expect(resolveSettings({ tls: false }, { ...env, HOLDFAST_TLS_CA: ca }).tls).toBe(false)
    expect(resolveSettings({ tls: true }, { ...env, HOLDFAST_TLS: 'false' }).tls).toEqual({ ca: 'PEM' })
    expect(resolveSettings({ tlsCa: ca }, { ...env, HOLDFAST_TLS: 'false' }).tls).toEqual({ ca: 'PEM' })
  })

  test.each<[string, { flags?: GlobalFlags; config?: string; env?: NodeJS.ProcessEnv }, RegExp]>([
    ['an output that is none', { flags: { output: 'yaml' } }, /"yaml" is not known; it is table or json/],
    [
      'a token file that is not there',
      { flags: { tokenFile: '/nonexistent' } },
      /\/nonexistent cannot be read/,
    ],
    ['TLS off with an authority', { flags: { tls: false, tlsCa: 'x' } }, /leave one of them out/],
    ['a config file that is not JSON', { config: '{' }, /is not JSON/],
    ['a config file that is a list', { config: '[]' }, /is not a JSON object/],
    ['an unknown key', { config: '{"adress":""}' }, /unknown key adress; known are address,/],
    ['a key of another type', { config: '{"address":1}' }, /address in the config file must be a string/],
    ['a switch that is none', { env: { HOLDFAST_TLS: 'maybe' } }, /it must be true or false/],
  ])('%s is refused', (_, given, message) => {
    if (given.config !== undefined) writeConfig(given.config)
    const resolve = () => resolveSettings(given.flags ?? {}, { ...env, ...given.env })
    expect(resolve).toThrow(UsageError)
    expect(resolve).toThrow(message)
  })
})
