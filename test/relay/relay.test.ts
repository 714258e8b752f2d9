import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Holdfast } from '@holdfast/sdk'
import { event } from '@holdfast/sdk/spooled-event'
import { afterAll, expect, test } from 'vitest'
import { holdfast, printed, type Running, startHoldfast } from '../cli/holdfast.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'

failOnLeaks()

const directory = mkdtempSync(join(tmpdir(), 'holdfast-relay-'))
afterAll(() => rmSync(directory, { recursive: true }))

const fixtures = join(import.meta.dirname, '../transport/fixtures')
const nowhere = '127.0.0.1:1'
const newDir = () => mkdtempSync(join(directory, 'data-'))

/** A relay to a server, and where it listens. */
async function startRelay(
  server: string,
  dataDir: string,
  flags: readonly string[] = [],
): Promise<Running & { address: string }> {
  const env = { HOLDFAST_ADDRESS: server, HOLDFAST_DATA_DIR: dataDir }
  const running = startHoldfast(['relay', '--listen', '127.0.0.1:0', ...flags], env)
  const [, address] = await running.sees(/^listening on (\S+)$/m)
  return { ...running, address: address! }
}

const services = async (server: string) =>
  JSON.parse(await printed(['timeline', '-o', 'json'], { HOLDFAST_ADDRESS: server }))
    .map((entry: { event: { instanceStarted: { service: string } } }) => entry.event.instanceStarted.service)
    .reverse()

test('what a relay acknowledged survives its kill -9 and reaches the server, in order and once', async () => {
  const dataDir = newDir()
  const machine = { HOLDFAST_DATA_DIR: newDir() }
  {
    await using relay = await startRelay(nowhere, dataDir)
    const env = { ...machine, HOLDFAST_ADDRESS: relay.address }
    for (const service of ['one', 'two', 'three']) {
      const args = ['started', service, '--machine', 'isolated-0', '--timeout', '20s']
      expect(await printed(args, env)).toBe(`${service} started on isolated-0 (a relay sends it)\n`)
    }
    relay.child.kill('SIGKILL')
    await once(relay.child, 'close')
  }
  await using server = await testServer()
  await using _relay = await startRelay(server.address, dataDir)
  await expect.poll(() => services(server.address), { timeout: 40_000 }).toEqual(['one', 'two', 'three'])
  const sources = await printed(['sources'], { HOLDFAST_ADDRESS: server.address })
  expect(sources).toMatch(/^spool\//m)
})

test('relay status tells what waits, of whom and since when, and what was refused', async () => {
  const dataDir = newDir()
  const there = { HOLDFAST_DATA_DIR: dataDir }
  expect(await printed(['relay', 'status'], there)).toMatch(/^waiting +0$/m)
  const before = Date.now()
  {
    await using relay = await startRelay(nowhere, dataDir)
    for (const services of [['one', 'no such name!'], ['three']]) {
      const machine = { HOLDFAST_DATA_DIR: newDir(), HOLDFAST_ADDRESS: relay.address }
      for (const service of services) {
        await printed(['started', service, '--machine', 'isolated-0', '--timeout', '20s'], machine)
      }
    }
  }
  const status = async () => JSON.parse(await printed(['relay', 'status', '-o', 'json'], there))[0]
  const { waiting } = await status()
  expect(waiting.map(({ reports }: { reports: number }) => reports)).toEqual([2, 1])
  for (const { source, since } of waiting) {
    expect(source).toMatch(/^spool\//)
    expect(Date.parse(since)).toBeGreaterThanOrEqual(before)
  }
  const text = await printed(['relay', 'status'], there)
  expect(text).toMatch(/^waiting +3$/m)
  expect(text).toMatch(/^of +spool\/\S+: 2, the oldest (just now|\d+[sm] ago)$/m)
  await using server = await testServer()
  await using _relay = await startRelay(server.address, dataDir)
  await expect.poll(status, { timeout: 40_000 }).toMatchObject({
    waiting: [],
    refused: [{ source: waiting[0].source, reason: 'INVALID_REQUEST' }],
  })
})

test('I2: an event over a relay and by bundle counts once', async () => {
  await using server = await testServer()
  await using relay = await startRelay(server.address, newDir())
  const there = { HOLDFAST_ADDRESS: server.address }
  const machine = { HOLDFAST_DATA_DIR: newDir() }
  const [bundle, keys] = [join(directory, 'bundle'), join(directory, 'keys')]
  for (const service of ['one', 'two']) {
    await holdfast(['started', service, '--machine', 'isolated-0'], { ...machine, HOLDFAST_ADDRESS: nowhere })
  }
  await printed(['spool', 'export', bundle], machine)
  writeFileSync(keys, await printed(['spool', 'key'], machine))
  const viaRelay = { ...machine, HOLDFAST_ADDRESS: relay.address }
  expect(await printed(['spool', 'forward'], viaRelay)).toBe('forwarded 2, refused 0\n')
  await expect.poll(() => services(server.address), { timeout: 40_000 }).toEqual(['one', 'two'])
  const load = ['spool', 'import', bundle, '--trusted-keys', keys]
  expect(await printed(load, there)).toContain('0 new, 2 known before, 0 refused')
  expect(await services(server.address)).toEqual(['one', 'two'])
})

test('a relay is told who calls, and beyond loopback it wants TLS and tokens', async () => {
  const callers = join(directory, 'callers')
  writeFileSync(callers, 'isolated:secret\n')
  await using relay = await startRelay(nowhere, newDir(), [
    ...['--caller-token-file', callers],
    ...['--tls-cert-file', join(fixtures, 'localhost.crt')],
    ...['--tls-key-file', join(fixtures, 'localhost.key')],
  ])
  const env = {
    HOLDFAST_DATA_DIR: newDir(),
    HOLDFAST_ADDRESS: relay.address.replace('127.0.0.1', 'localhost'),
    HOLDFAST_TLS_CA: join(fixtures, 'localhost.crt'),
  }
  const report = ['started', 'airship', '--machine', 'isolated-0', '--timeout', '20s']
  const refused = await holdfast(report, { ...env, HOLDFAST_TOKEN: 'guessed' })
  expect(refused).toMatchObject({ code: 0, err: expect.stringContaining('is kept on this machine') })
  expect(await printed(report, { ...env, HOLDFAST_TOKEN: 'secret' })).toContain('(a relay sends it)')
  const open = await holdfast(['relay', '--listen', '0.0.0.0:0'], { HOLDFAST_ADDRESS: nowhere })
  expect(open).toMatchObject({ code: 2, err: expect.stringContaining('needs both TLS and a token') })
})

test('a relay that the server does not know, or that does not know the server, keeps all and says why', async () => {
  const read = (name: string) => readFileSync(join(fixtures, name))
  await using server = await testServer({
    tls: { cert: read('localhost.crt'), key: read('localhost.key') },
    tokens: [{ principal: 'relay', token: 'for-the-server' }],
  })
  const address = server.address.replace('127.0.0.1', 'localhost')
  const dataDir = newDir()
  const way = { HOLDFAST_ADDRESS: address, HOLDFAST_DATA_DIR: dataDir, HOLDFAST_TLS: 'true' }
  const trusting = { ...way, HOLDFAST_TLS_CA: join(fixtures, 'localhost.crt') }
  const listen = ['relay', '--listen', '127.0.0.1:0']
  const machine = { HOLDFAST_DATA_DIR: newDir() }
  const report = async (relay: Running, service: string) => {
    const [, at] = await relay.sees(/^listening on (\S+)$/m)
    const args = ['started', service, '--machine', 'isolated-0', '--timeout', '20s']
    expect(await printed(args, { ...machine, HOLDFAST_ADDRESS: at })).toContain('(a relay sends it)')
  }
  for (const [service, env, why] of [
    ['one', { ...trusting, HOLDFAST_TOKEN: 'guessed' }, /nothing gets through: .*token/],
    ['two', { ...way, HOLDFAST_TOKEN: 'for-the-server' }, /nothing gets through: .*certificate/],
  ] as const) {
    await using relay = startHoldfast(listen, env)
    await report(relay, service)
    await expect.poll(() => relay.err(), { timeout: 40_000 }).toMatch(why)
  }
  expect(await printed(['relay', 'status'], { HOLDFAST_DATA_DIR: dataDir })).toMatch(/^waiting +2$/m)
  const known = { ...trusting, HOLDFAST_TOKEN: 'for-the-server' }
  await using relay = startHoldfast(listen, known)
  await report(relay, 'three')
  const told = async () =>
    JSON.parse(await printed(['timeline', '-o', 'json'], known))
      .map(({ event }: { event: { instanceStarted: { service: string } } }) => event.instanceStarted.service)
      .reverse()
  await expect.poll(told, { timeout: 40_000 }).toEqual(['one', 'two', 'three'])
})

test('a machine sends nothing to a relay that is not the one it trusts', async () => {
  const callers = join(directory, 'trusted-callers')
  writeFileSync(callers, 'isolated:secret\n')
  const dataDir = newDir()
  await using relay = await startRelay(nowhere, dataDir, [
    ...['--caller-token-file', callers],
    ...['--tls-cert-file', join(fixtures, 'localhost.crt')],
    ...['--tls-key-file', join(fixtures, 'localhost.key')],
  ])
  const address = relay.address.replace('127.0.0.1', 'localhost')
  const env = { HOLDFAST_ADDRESS: address, HOLDFAST_TLS: 'true', HOLDFAST_TOKEN: 'secret' }
  const { code, err } = await holdfast(
    ['started', 'airship', '--machine', 'isolated-0', '--timeout', '20s'],
    env,
  )
  expect({ code, err }).toEqual({ code: 0, err: expect.stringMatching(/is kept .*certificate/) })
  expect(await printed(['relay', 'status'], { HOLDFAST_DATA_DIR: dataDir })).toMatch(/^waiting +0$/m)
})

test('an event that the server refuses does not hold up the relay, and is set aside there', async () => {
  await using server = await testServer()
  await using relay = await startRelay(server.address, newDir())
  const env = { HOLDFAST_DATA_DIR: newDir(), HOLDFAST_ADDRESS: relay.address }
  for (const service of ['one', 'no such name!', 'three']) {
    await printed(['started', service, '--machine', 'isolated-0', '--timeout', '20s'], env)
  }
  await expect.poll(() => services(server.address), { timeout: 40_000 }).toEqual(['one', 'three'])
  expect(relay.err()).toMatch(/refused for good, of spool\/.*service/)
})

test('a source with too many gaps waits for itself: others go on, and it goes on when the gaps are filled', async () => {
  await using server = await testServer()
  await using relay = await startRelay(server.address, newDir())
  await using client = Holdfast.lazy({ address: relay.address })
  const note = (seq: number) => ({ ...event.note(`${seq}`), seq })
  const numbers = Array.from({ length: 1_010 }, (_, index) => index + 1)
  {
    await using gappy = client.ingest({ source: 'gappy', epoch: 1n })
    for (const number of numbers) await gappy.send(note(number * 2))
  }
  await client.started('airship', { machine: 'isolated-0' })
  const seen = async () =>
    JSON.parse(await printed(['timeline', '-o', 'json'], { HOLDFAST_ADDRESS: server.address })).length
  await expect.poll(seen, { timeout: 40_000 }).toBe(1_001)
  {
    await using filling = client.ingest({ source: 'gappy', epoch: 1n })
    for (const number of numbers) await filling.send(note(number * 2 - 1))
  }
  await expect.poll(seen, { timeout: 40_000 }).toBe(2_021)
})

test('a relay whose disk holds all it may takes nothing more, and the machine keeps its report', async () => {
  await using relay = await startRelay(nowhere, newDir(), ['--max-size', '1'])
  const dataDir = newDir()
  const env = { HOLDFAST_DATA_DIR: dataDir, HOLDFAST_ADDRESS: relay.address }
  const reason = 'x'.repeat(60_000)
  const stopped = ['stopped', 'airship', '--machine', 'isolated-0', '--timeout', '2s', '--reason', reason]
  let last = await holdfast(stopped, env)
  for (let turn = 0; turn < 30 && last.err === ''; turn++) last = await holdfast(stopped, env)
  expect(last).toMatchObject({ code: 0, err: expect.stringContaining('is kept on this machine') })
  expect(await printed(['spool', 'status'], env)).toMatch(/^waiting +1$/m)
})
