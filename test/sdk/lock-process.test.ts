import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import type { ConnectOptions, Holdfast } from '../../sdk/src/index.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type TestServer, testServer } from '../harness/server.ts'
import { tcpProxy } from '../harness/tcp-proxy.ts'
import { until, within } from '../harness/wait.ts'
import { clientUntilTestEnds } from './client-until-test-ends.ts'

failOnLeaks()

let server: TestServer

beforeAll(async () => {
  server = await testServer()
})

afterAll(async () => {
  await server[Symbol.asyncDispose]()
})

const client = (options: ConnectOptions = {}): Holdfast =>
  clientUntilTestEnds({ address: server.address, ...options })

const program = join(import.meta.dirname, 'lock-holder.ts')

interface Said {
  what: string
  atNs: bigint
  fence: string
}

interface Holder {
  address?: string
  /** Blocks its event loop at once, for so long. */
  blockedMs?: number
  tokenFile?: string
}

async function holder(scope: string, ttlMs: number, options: Holder = {}) {
  const { address = server.address, blockedMs = 0, tokenFile } = options
  const numbers = [ttlMs, blockedMs].map(String)
  const arguments_ = ['--conditions=holdfast-source', program, address, scope, ...numbers]
  const child: ChildProcess = spawn(process.execPath, arguments_, {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...(tokenFile !== undefined && { HOLDFAST_TOKEN_FILE: tokenFile }) },
  })
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  let text = ''
  child.stdout!.setEncoding('utf8').on('data', (more: string) => {
    text += more
  })
  const said = (): Said[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.split(' '))
      .map(([what = '', at = '', fence = '']) => ({ what, atNs: BigInt(at), fence }))
  await until('the lock', () => said().some(({ what }) => what === 'acquired'))
  return { child, said, exited }
}

function sayNext(scope: string): Promise<bigint> {
  return client()
    .acquireLock(scope, { waitMs: 40_000 })
    .then(async (granted) => {
      const atNs = process.hrtime.bigint()
      await granted.release()
      return atNs
    })
}

/**
 * Of what is held through a block, which is longer: the thread beats for the first time after a third of a second, and
 * after three on a machine that is ten times slower.
 */
const ttlMs = 6000
const blockedMs = 8000

test('L4 a process that is stopped does not take itself for the holder when it comes back', async () => {
  const { child, said } = await holder('test/stopped', 3000)
  await until('the program to go on', () => said().some(({ what }) => what === 'held'))
  const next = sayNext('test/stopped')
  child.kill('SIGSTOP')
  const grantedNs = await within('the next grant', next)
  child.kill('SIGCONT')
  await until('the abort', () => said().some(({ what }) => what === 'aborted'))
  expect(said().filter(({ what, atNs }) => what === 'held' && atNs > grantedNs)).toEqual([])
})

test('L11 a blocked event loop loses nothing: the thread beats on', async () => {
  const { child, said } = await holder('test/blocked', ttlMs)
  const other = client()
  child.stdin!.write(`${blockedMs}\n`)
  await until('the end of the block', () => said().some(({ what }) => what === 'survived' || what === 'lost'))
  expect(said().at(-1)?.what).not.toBe('lost')
  expect(said().some(({ what }) => what === 'survived')).toBe(true)
  expect(await other.tryAcquireLock('test/blocked')).toBeUndefined()
})

test('L11 a program that gets its token from a file may block its event loop right after the grant', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, 'holder:s3cret\n')
  await using guarded = await testServer({ tokens: [{ principal: 'holder', token: 's3cret' }] })
  const other = clientUntilTestEnds({ address: guarded.address, token: 's3cret' })
  const { address } = guarded
  const { child, said, exited } = await holder('test/token', ttlMs, { address, tokenFile, blockedMs })
  await until('the end of the block', () => said().some(({ what }) => what === 'survived' || what === 'lost'))
  expect(
    said()
      .map(({ what }) => what)
      .filter((what) => what !== 'held'),
  ).toEqual(['acquired', 'blocks', 'survived'])
  expect(await other.tryAcquireLock('test/token')).toBeUndefined()
  other.close()
  child.kill('SIGKILL')
  await exited
})

test('L4 a loss during a block of the event loop is the first thing that is seen after it', async () => {
  await using proxy = await tcpProxy(server.address)
  const { child, said } = await holder('test/cut-off', 3000, { address: proxy.address })
  // Until long after the grant to the next one, who is told of it by a machine that may be busy.
  child.stdin!.write('9000\n')
  await until('the block', () => said().some(({ what }) => what === 'blocks'))
  proxy.drop()
  const grantedNs = await within('the next grant', sayNext('test/cut-off'))
  await until('the end of the block', () => said().some(({ what }) => what === 'survived' || what === 'lost'))
  const after = said().filter(({ atNs }) => atNs > grantedNs)
  expect(after.map(({ what }) => what)).toEqual(['aborted', 'lost'])
  child.kill('SIGKILL')
})

test('a program that forgets to close ends by itself', async () => {
  const { child, said, exited } = await holder('test/ends', 30_000)
  child.stdin!.end()
  await within('the end', exited)
  expect(said().length).toBeGreaterThan(0)
})
