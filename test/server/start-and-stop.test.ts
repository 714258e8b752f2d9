import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { status as Code } from '@grpc/grpc-js'
import { expect, inject, test } from 'vitest'
import { IngestBatchRequest, type IngestBatchResponse } from '../../proto/gen/holdfast/v1/ingest_service.ts'
import { ListMachinesRequest, type ListMachinesResponse } from '../../proto/gen/holdfast/v1/state_service.ts'
import { testDatabase } from '../harness/database.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { type SpawnedServer, spawnServer, testDataDir } from '../harness/server.ts'
import { collect, detailsOf, settle } from '../transport/harness.ts'

failOnLeaks()

const program = fileURLToPath(new URL('../harness/run-server.ts', import.meta.url))
const watch = { filter: '', resume: undefined, skipSnapshot: true, resetIfLost: false }

/** Runs `holdfast server` that is expected to refuse, and gives how it ended. */
async function refused(
  env: Record<string, string>,
  flags: string[] = [],
): Promise<{ code: number; err: string[] }> {
  const child = spawn(process.execPath, ['--conditions=holdfast-source', program, ...flags], {
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE, ...env },
    // run-server ends when its standard input does.
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let err = ''
  let out = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
  })
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const [code] = (await once(child, 'close')) as [number]
  expect(out).toBe('')
  return { code, err: err.split('\n').filter((line) => line.startsWith('holdfast:')) }
}

const list = ({ state }: SpawnedServer) =>
  settle<ListMachinesResponse>((done) => state.listMachines(ListMachinesRequest.fromPartial({}), done))

function started(machine: string): IngestBatchRequest {
  const occurredTime = { seconds: Math.floor(Date.now() / 1_000), nanos: 0 }
  const value = { machine: { id: machine }, service: 'offline-tasks' }
  const event = { id: randomUUID(), occurredTime, payload: { $case: 'instanceStarted' as const, value } }
  return IngestBatchRequest.fromPartial({ batch: { source: 'test', epoch: 1, events: [event] } })
}

test('a configuration with mistakes: all of them at once, exit code 2', async () => {
  const env = { HOLDFAST_ADDRESS: 'here', HOLDFAST_LOG_LEVEL: 'loud', HOLDFAST_EVENT_RETENTION_DAYS: '-1' }
  const { code, err } = await refused(env, ['--database-url', 'mysql://db'])
  expect(code).toBe(2)
  expect(err).toEqual([
    expect.stringContaining('HOLDFAST_ADDRESS'),
    expect.stringContaining('DATABASE_URL'),
    expect.stringContaining('HOLDFAST_LOG_LEVEL'),
    expect.stringContaining('HOLDFAST_EVENT_RETENTION_DAYS'),
  ])
})

test('beyond loopback without TLS and a token: what to do, exit code 2', async () => {
  const { code, err } = await refused({ HOLDFAST_ADDRESS: '0.0.0.0:0' })
  expect(code).toBe(2)
  expect(err[0]).toMatch(/HOLDFAST_TLS_CERT_FILE.*HOLDFAST_TOKEN_FILE.*loopback/)
})

test('a port in use: one line with what to do, exit code 1', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { port: number }
  const { code, err } = await refused({
    HOLDFAST_ADDRESS: `127.0.0.1:${port}`,
    DATABASE_URL: inject('adminUrl'),
  })
  expect(code).toBe(1)
  expect(err).toEqual([expect.stringMatching(/the port is in use.*HOLDFAST_ADDRESS/)])
  holder.close()
})

test('a port in use for HTTP: the same, and nothing is left listening', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { port: number }
  const { code, err } = await refused({
    HOLDFAST_ADDRESS: '127.0.0.1:0',
    HOLDFAST_HTTP_ADDRESS: `127.0.0.1:${port}`,
    DATABASE_URL: inject('adminUrl'),
  })
  expect(code).toBe(1)
  expect(err).toEqual([expect.stringMatching(/the port is in use.*HOLDFAST_HTTP_ADDRESS/)])
  holder.close()
})

test('a database that cannot be reached: one line that keeps the password, exit code 1', async () => {
  const { code, err } = await refused({ DATABASE_URL: 'postgres://me:s3cret@127.0.0.1:1/db' })
  expect(code).toBe(1)
  expect(err).toEqual([
    expect.stringMatching(/127\.0\.0\.1:1\/db cannot be used.*ECONNREFUSED.*DATABASE_URL/),
  ])
  expect(err[0]).not.toContain('s3cret')
})

test('a data directory that another server holds: who it is, exit code 1', async () => {
  await using dataDir = await testDataDir()
  await using server = await spawnServer({ dataDir: dataDir.path })
  const { code, err } = await refused({ HOLDFAST_DATA_DIR: dataDir.path, HOLDFAST_ADDRESS: '127.0.0.1:0' })
  expect(code).toBe(1)
  expect(err).toEqual([expect.stringContaining(`in use by the Holdfast server with pid ${server.pid}`)])
})

test('SIGTERM ends watches with SERVER_DRAINING, then the database, soon, with exit code 0', async () => {
  await using dataDir = await testDataDir()
  await using server = await spawnServer({ dataDir: dataDir.path })
  const call = server.state.watchState(watch)
  await once(call, 'data')
  const ended = collect(call)
  expect(await server.kill('SIGTERM')).toBe(0)
  expect(server.log()).not.toContain('cut off')
  expect(detailsOf((await ended).error).info?.reason).toBe('SERVER_DRAINING')
  expect(await dataDir.postmaster()).toBeNaN()
})

test('closing the terminal, which sends SIGHUP, ends the server in order, and its database', async () => {
  await using dataDir = await testDataDir()
  await using server = await spawnServer({ dataDir: dataDir.path })
  expect(await server.kill('SIGHUP')).toBe(0)
  expect(await dataDir.postmaster()).toBeNaN()
})

test('kill -9 of server and database: the next one serves what was there', async () => {
  await using dataDir = await testDataDir()
  await using first = await spawnServer({ dataDir: dataDir.path })
  const taken = await settle<IngestBatchResponse>((done) => first.ingest.ingestBatch(started('web-0'), done))
  expect(taken.response.outcome).toMatchObject({ accepted: 1, refused: [] })
  process.kill(await dataDir.postmaster(), 'SIGKILL')
  await first.kill('SIGKILL')
  await using second = await spawnServer({ dataDir: dataDir.path })
  const { response } = await list(second)
  expect(response.machines.map(({ name }) => name)).toEqual(['machines/web-0'])
})

test('a database that dies under the server: calls say STORE_UNAVAILABLE until it is back', async () => {
  await using dataDir = await testDataDir()
  await using server = await spawnServer({ dataDir: dataDir.path })
  expect((await list(server)).error).toBeUndefined()
  const before = await dataDir.postmaster()
  process.kill(before, 'SIGKILL')
  const codes = new Set<number>()
  for (let done = false; !done; ) {
    const { error } = await list(server)
    if (error !== undefined) codes.add(error.code)
    else done = (await dataDir.postmaster()) !== before
  }
  expect([...codes].filter((code) => code !== Code.UNAVAILABLE)).toEqual([])
})

test('a log that goes to a full disk ends no server', async () => {
  await using database = await testDatabase()
  const script = 'exec "$0" --conditions=holdfast-source "$1" 2>/dev/full'
  const child = spawn('/bin/sh', ['-c', script, process.execPath, program], {
    env: { PATH: process.env.PATH, DATABASE_URL: database.url, HOLDFAST_ADDRESS: '127.0.0.1:0' },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  await once(child.stdout!, 'data')
  child.kill('SIGTERM')
  expect((await ended)[0]).toBe(0)
})

test('settings come from flags, else the environment, else the file', async () => {
  await using directory = await testDataDir()
  const file = join(directory.path, 'holdfast.env')
  await writeFile(file, 'HOLDFAST_LOG_LEVEL=loud\nHOLDFAST_COLOUR=blue\nHOLDFAST_ADDRESS=nowhere\n')
  const { code, err } = await refused({ HOLDFAST_ADDRESS: 'here', HOLDFAST_CONFIG_FILE: file })
  expect(code).toBe(2)
  expect(err).toEqual([
    expect.stringContaining('HOLDFAST_COLOUR is not a setting'),
    expect.stringContaining('"here"'),
    expect.stringContaining('"loud"'),
  ])
})
