import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { json as jsonOf } from 'node:stream/consumers'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { AdminServiceService, GetServerInfoResponse } from '../../proto/gen/holdfast/v1/admin_service.ts'
import type { Door } from '../../server/src/api/door.ts'
import { HoldfastError } from '../../server/src/domain/error.ts'
import { parseTokenFile } from '../../server/src/transport/bearer-token.ts'
import { HttpServer, type HttpServerOptions } from '../../server/src/transport/http/http-server.ts'
import { failOnLeaks } from '../harness/leaks.ts'
import { testServer } from '../harness/server.ts'

failOnLeaks()

const descriptorSet = () => readFile(join(import.meta.dirname, '../../proto/gen/descriptor-set.binpb'))
const json = { 'content-type': 'application/json' }
const ingestBatch = '/holdfast.v1.IngestService/IngestBatch'

const started = (id: string, service = 'offline-tasks') => ({
  batch: {
    source: 'curl/worker-0',
    events: [
      {
        id,
        occurredTime: new Date().toISOString(),
        instanceStarted: { machine: { id: 'worker-0' }, service },
      },
    ],
  },
})

interface Answer {
  status: number
  headers: Headers
  body: { code?: string; message?: string; details?: { type: string; debug?: unknown }[] } & Record<
    string,
    unknown
  >
}

async function post(url: string, body: unknown, headers: Record<string, string> = json): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  const response = await fetch(url, { method: 'POST', headers, body: text })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answer['body'],
  }
}

/** A POST with headers that `fetch` keeps for itself. */
async function send(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; code?: string }> {
  const call = request(url, { method: 'POST', headers })
  call.end('x')
  const [answer] = (await once(call, 'response')) as [IncomingMessage]
  return { ...((await jsonOf(answer)) as object), status: answer.statusCode! }
}

/** A listener with a door and one method, without a database. */
async function listener(options: Partial<HttpServerOptions> = {}, door: Partial<Door> = {}) {
  const log = pino({ level: 'silent' })
  const server = new HttpServer({ address: '127.0.0.1:0', log, descriptorSet, ...options })
  server.add(
    { getServerInfo: AdminServiceService.getServerInfo },
    { getServerInfo: async (_, { principal }) => GetServerInfoResponse.fromPartial({ principal }) },
  )
  server.addDoor({
    path: '/door',
    maxBytes: 10,
    handle: async ({ body, query }, { principal }) => ({
      status: 202,
      json: { body: body.toString(), query: query.get('q'), principal },
    }),
    ...door,
  })
  const url = await server.listen()
  return { server, url, [Symbol.asyncDispose]: () => server.drain(200) }
}

test('I2: an event by HTTP is in the state, and sent again by HTTP it is a duplicate', async () => {
  await using server = await testServer()
  const id = randomUUID()
  const first = await post(`${server.httpUrl}${ingestBatch}`, started(id))
  expect(first).toMatchObject({ status: 200, body: { outcome: { accepted: 1 } } })
  const again = await post(`${server.httpUrl}${ingestBatch}`, started(id))
  expect(again.body.outcome).toMatchObject({ duplicates: 1 })
  expect(again.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
})

test('I5: a bad event by HTTP is refused by itself, with the reason that gRPC gives', async () => {
  await using server = await testServer()
  const { body } = await post(`${server.httpUrl}${ingestBatch}`, started(randomUUID(), 'no such name!'))
  expect(body.outcome).toMatchObject({ refused: [{ status: { code: 3 } }] })
})

test('only IngestBatch is there', async () => {
  await using server = await testServer()
  const { status, body } = await post(`${server.httpUrl}/holdfast.v1.StateService/ListMachines`, {})
  expect({ status, code: body.code }).toEqual({ status: 404, code: 'not_found' })
})

test.each([
  ['a misspelt field', '{"batch":{"sauce":"x"}}', /sauce/],
  ['a number that is none', '{"batch":{"epoch":"soon"}}', /epoch/],
  ['no JSON', '{', /JSON/],
])('%s is refused with its place', async (_what, text, message) => {
  await using server = await testServer()
  const { status, body } = await post(`${server.httpUrl}${ingestBatch}`, text)
  expect({ status, code: body.code }).toEqual({ status: 400, code: 'invalid_argument' })
  expect(body.message).toMatch(message)
  expect(body.details?.[0]).toMatchObject({
    type: 'google.rpc.ErrorInfo',
    debug: { reason: 'INVALID_REQUEST' },
  })
})

test('what HTTP itself refuses has its status, in the same shape', async () => {
  await using at = await listener()
  const method = `${at.url}/holdfast.v1.AdminService/GetServerInfo`
  expect(await post(method, '{}', {})).toMatchObject({ status: 415 })
  expect(await post(`${at.url}/door`, 'longer than ten')).toMatchObject({ status: 413 })
  const got = await fetch(method)
  expect({ status: got.status, allow: got.headers.get('allow') }).toEqual({ status: 405, allow: 'POST' })
})

test('a door gets the bytes, the query and who calls; what it throws is told', async () => {
  await using at = await listener()
  const { status, body } = await post(`${at.url}/door?q=1`, 'raw', { 'holdfast-principal': 'chef' })
  expect({ status, body }).toEqual({ status: 202, body: { body: 'raw', query: '1', principal: 'chef' } })
  const handle = async () => {
    throw new HoldfastError('STORE_UNAVAILABLE', 'the database is away')
  }
  await using broken = await listener({}, { handle })
  expect(await post(`${broken.url}/door`, '')).toMatchObject({ status: 503, body: { code: 'unavailable' } })
})

test('tokens are those of gRPC, and a door may take its own header for them', async () => {
  const tokens = parseTokenFile('alice:s3cret\n')
  await using at = await listener({ tokens }, { tokenHeader: 'x-door-token' })
  const method = `${at.url}/holdfast.v1.AdminService/GetServerInfo`
  expect(await post(method, {})).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
  const known = await post(method, {}, { ...json, authorization: 'Bearer s3cret' })
  expect(known.body).toMatchObject({ principal: 'alice' })
  const door = await post(`${at.url}/door`, '', { 'x-door-token': 's3cret' })
  expect(door.body).toMatchObject({ principal: 'alice' })
})

test('beyond loopback it needs TLS and a token', () => {
  const options = { log: pino({ level: 'silent' }), descriptorSet }
  expect(() => new HttpServer({ address: '0.0.0.0:0', ...options })).toThrow(/HOLDFAST_TLS_CERT_FILE/)
})

test('with TLS it speaks https', async () => {
  const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name))
  const tls = { cert: fixture('localhost.crt'), key: fixture('localhost.key') }
  await using at = await listener({ tls })
  expect(at.url).toMatch(/^https:/)
})

test.each([
  ['points its name at this machine', { host: 'evil.example' }],
  ['comes from elsewhere', { origin: 'https://evil.example' }],
  ['comes from another server of this machine', { origin: 'http://127.0.0.1:1' }],
  ['is a file or in a sandbox', { origin: 'null' }],
])('without tokens a page that %s writes nothing, also not through a door', async (_what, headers) => {
  let calls = 0
  await using at = await listener({}, { handle: async () => ({ status: 200, json: calls++ }) })
  expect(await send(`${at.url}/door`, headers)).toMatchObject({ status: 403, code: 'permission_denied' })
  expect(calls).toBe(0)
})

test('a page of the server itself may call, and with tokens any that has one', async () => {
  await using open = await listener()
  expect(await send(`${open.url}/door`, { origin: open.url })).toMatchObject({ status: 202 })
  await using closed = await listener({ tokens: parseTokenFile('alice:s3cret\n') })
  const headers = { origin: 'https://tools.example', authorization: 'Bearer s3cret' }
  expect(await send(`${closed.url}/door`, headers)).toMatchObject({ status: 202 })
})

test.each(['caf\u00e9', 'a\tb'])(
  'a header of %j ends its call at most, and is no id, name or token',
  async (odd) => {
    await using open = await listener()
    const asked = await post(`${open.url}/door`, '', { 'x-request-id': odd })
    expect(asked).toMatchObject({ status: 202, body: { principal: 'anonymous@loopback' } })
    expect(asked.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(await post(`${open.url}/door`, '', { 'holdfast-principal': odd })).toMatchObject({ status: 401 })
    await using closed = await listener(
      { tokens: parseTokenFile('alice:s3cret\n') },
      { tokenHeader: 'x-door-token' },
    )
    for (const name of ['authorization', 'x-door-token']) {
      expect(await post(`${closed.url}/door`, '', { [name]: `Bearer ${odd}` })).toMatchObject({ status: 401 })
    }
  },
)

test('a body without a length that grows too long is refused, also while every call is logged', async () => {
  const logged: string[] = []
  const log = pino({ level: 'debug' }, { write: (line) => void logged.push(line) })
  await using at = await listener({ log })
  const call = request(`${at.url}/door`, { method: 'POST' })
  const answered = once(call, 'response')
  call.write('longer than ten')
  const [answer] = (await answered) as [IncomingMessage]
  expect(answer.resume().statusCode).toBe(413)
  call.destroy()
  expect(JSON.parse(logged[0]!)).toMatchObject({ peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/) })
})

test('a server that cannot read its own descriptors drops the call and stays', async () => {
  const logged: string[] = []
  const log = pino({ level: 'error' }, { write: (line) => void logged.push(line) })
  await using at = await listener({ log, descriptorSet: () => Promise.reject(new Error('no such file')) })
  await expect(post(`${at.url}/nothing`, '')).rejects.toThrow()
  expect(logged.join('')).toContain('no such file')
  expect(await post(`${at.url}/door`, '')).toMatchObject({ status: 202 })
})

test('a drain finishes what is under way and takes nothing new', async () => {
  const finish = Promise.withResolvers<void>()
  const entered = Promise.withResolvers<void>()
  const handle = async () => {
    entered.resolve()
    await finish.promise
    return { status: 200, json: 'done' }
  }
  await using at = await listener({}, { handle })
  const first = post(`${at.url}/door`, '')
  await entered.promise
  const drained = at.server.drain(5_000)
  await expect(post(`${at.url}/door`, '')).rejects.toThrow()
  finish.resolve()
  expect((await first).body).toBe('done')
  await drained
})

test('the one-liner of docs/operations.md reports a start with curl', async (context) => {
  if (spawnSync('curl', ['--version']).error !== undefined) {
    const message = 'curl is not installed: install the package curl to test the one-liner'
    if (process.env.CI === 'true') throw new Error(message)
    process.stderr.write(`SKIPPED: ${message}\n`)
    context.skip()
  }
  const page = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8')
  const command = /^```sh\n(curl .*?)^```/ms.exec(page)?.[1]
  await using server = await testServer()
  const script = command!.replace('http://127.0.0.1:7421', server.httpUrl)
  const { promise, resolve } = Promise.withResolvers<string>()
  const { execFile } = await import('node:child_process')
  execFile('/bin/sh', ['-c', script], (_error, stdout) => resolve(stdout))
  expect(JSON.parse(await promise)).toMatchObject({ outcome: { accepted: 1 } })
})
