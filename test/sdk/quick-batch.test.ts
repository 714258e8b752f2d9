import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { Holdfast } from '@holdfast/sdk'
import { type QuickWay, sendQuickly } from '@holdfast/sdk/quick-batch'
import { event } from '@holdfast/sdk/spooled-event'
import { afterEach, expect, test, vi } from 'vitest'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'

failOnLeaks()
afterEach(() => vi.unstubAllEnvs())

const fixtures = join(import.meta.dirname, '../transport/fixtures')
const started = (service: string, seq: number) => ({
  ...{ id: randomUUID(), seq, occurredMs: Date.now() },
  payload: event.started(service, { machine: 'worker-0' }).payload,
})
const batchOf = (...services: string[]) => ({
  source: 'quick',
  epoch: 1n,
  events: services.map((service, index) => started(service, index + 1)),
})
const way = (address: string, more: Partial<QuickWay> = {}): QuickWay => ({
  ...{ address, token: undefined, tls: undefined },
  ...more,
})
const patience = { timeoutMs: 20_000 }

test('a batch is settled at the revision that it is told, and again when it is sent again', async () => {
  await using server = await testServer()
  await using client = Holdfast.lazy({ address: server.address })
  const batch = batchOf('airship', 'billing')
  const first = await sendQuickly(batch, way(server.address), patience)
  if (first.kind !== 'settled') throw new Error(first.kind)
  expect(first.ledgerEpoch).toBe((await client.getServerInfo()).ledgerEpoch)
  expect((await client.listInstances({ asOf: first.revision }).toArray()).length).toBe(2)
  expect((await sendQuickly(batch, way(server.address), patience)).kind).toBe('settled')
  expect((await client.listInstances().toArray()).length).toBe(2)
})

test('with TLS and a token, and only with them', async () => {
  const read = (name: string) => readFileSync(join(fixtures, name))
  await using server = await testServer({
    tls: { cert: read('localhost.crt'), key: read('localhost.key') },
    tokens: [{ principal: 'script', token: 'secret' }],
  })
  const address = server.address.replace('127.0.0.1', 'localhost')
  const tls = { ca: read('localhost.crt') }
  const send = (more: Partial<QuickWay>) =>
    sendQuickly(batchOf('airship'), way(address, more), patience).then(({ kind }) => kind)
  expect(await send({ tls, token: 'secret' })).toBe('settled')
  expect(await send({ tls, token: 'guessed' })).toBe('other')
  expect(await send({ tls })).toBe('other')
  expect(await send({ tls: true, token: 'secret' })).toBe('other')
  expect(await send({ tls: false, token: 'secret' })).toBe('other')
})

test('a refused event is for the whole client to tell', async () => {
  await using server = await testServer()
  const { kind } = await sendQuickly(batchOf('no such name!'), way(server.address), patience)
  expect(kind).toBe('other')
})

test('nobody there, nobody who answers, and nobody who speaks HTTP/2', async () => {
  expect((await sendQuickly(batchOf('a'), way('127.0.0.1:1'), patience)).kind).toBe('unreached')
  const silent = createServer((socket) => void socket.on('error', () => {}))
  await once(silent.listen(0, '127.0.0.1'), 'listening')
  const { port } = silent.address() as AddressInfo
  expect((await sendQuickly(batchOf('a'), way(`127.0.0.1:${port}`), { timeoutMs: 50 })).kind).toBe('late')
  silent.close()
  const rude = createServer((socket) => void socket.on('error', () => {}).end('HTTP/1.1 400 no\r\n\r\n'))
  await once(rude.listen(0, '127.0.0.1'), 'listening')
  const other = (rude.address() as AddressInfo).port
  expect((await sendQuickly(batchOf('a'), way(`127.0.0.1:${other}`), patience)).kind).toBe('other')
  rude.close()
})

test.each([
  ['a path', 'unix:/nowhere'],
  ['several hosts', 'ipv4:127.0.0.1:1,127.0.0.1:2'],
  ['no address', 'a b'],
])('%s is left to the whole client', async (_, address) => {
  expect((await sendQuickly(batchOf('a'), way(address), patience)).kind).toBe('other')
})

test('so is a host behind a proxy, and one to which a token would go in the clear', async () => {
  expect((await sendQuickly(batchOf('a'), way('192.0.2.1:1', { tls: false }), patience)).kind).toBe('other')
  vi.stubEnv('HTTPS_PROXY', 'http://192.0.2.2:3128')
  expect((await sendQuickly(batchOf('a'), way('192.0.2.1:1'), patience)).kind).toBe('other')
})
