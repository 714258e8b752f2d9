import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { readEnvironment } from './environment.ts'

function tokenFile(text: string): () => string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'token')
  writeFileSync(path, text)
  const { token } = readEnvironment({ HOLDFAST_TOKEN_FILE: path })
  return token as () => string
}

test('what nobody sets is the local server, no token, this host', () => {
  expect(readEnvironment({})).toEqual({ address: '127.0.0.1:7420', token: undefined, machine: hostname() })
})

test('the variables are taken, the token before its file', () => {
  const env = {
    HOLDFAST_ADDRESS: 'holdfast.example',
    HOLDFAST_TOKEN: 'secret',
    HOLDFAST_TOKEN_FILE: '/nowhere',
  }
  expect(readEnvironment(env)).toMatchObject({ address: 'holdfast.example', token: 'secret' })
})

test('a token file may be that of the server', () => {
  expect(tokenFile('secret\n')()).toBe('secret')
  expect(tokenFile('# who may come in\n\nops:one\ndeploy:two\n')()).toBe('one')
  expect(tokenFile('\n')).toThrow('holds no token')
})
