import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ChannelCredentials, status as Code, Metadata } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { HealthClient } from '../../proto/gen/grpc/health/v1/health.ts'
import { GetServerInfoResponse } from '../../proto/gen/holdfast/v1/admin_service.ts'
import { parseTokenFile } from '../../server/src/transport/bearer-token.ts'
import { bearer, collect, detailsOf, serve, settle, type TestHandlers } from './harness.ts'

const handlers: TestHandlers = {
  admin: { getServerInfo: async (_, { principal }) => GetServerInfoResponse.fromPartial({ principal }) },
}
const tokens = parseTokenFile('# who may call\nalice:s3cret\nplain-token\n')
const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name))
const tls = { cert: fixture('localhost.crt'), key: fixture('localhost.key') }

test.each([
  ['s3cret', 'alice'],
  ['plain-token', 'token'],
])('the token %s is %s', async (token, principal) => {
  await using at = await serve(handlers, { tokens })
  const { response } = await settle<GetServerInfoResponse>((done) =>
    at.admin.getServerInfo({}, bearer(token), done),
  )
  expect(response.principal).toBe(principal)
})

test.each([
  ['no token', new Metadata()],
  ['a wrong token', bearer('guess')],
  ['a principal without a token', Metadata.fromHttp2Headers({ 'holdfast-principal': 'alice' })],
])('%s is refused, on unary calls and streams', async (_what, metadata) => {
  await using at = await serve(handlers, { tokens })
  const { error } = await settle((done) => at.admin.getServerInfo({}, metadata, done))
  expect(error?.code).toBe(Code.UNAUTHENTICATED)
  expect(detailsOf(error).info?.reason).toBe('UNAUTHENTICATED')
  expect(error?.details).toContain('HOLDFAST_TOKEN')
  expect(error?.details).not.toContain('guess')
  const ended = await collect(at.ingest.ingest(metadata))
  expect(ended.error?.code).toBe(Code.UNAUTHENTICATED)
})

test('without tokens a caller on loopback is anonymous', async () => {
  await using at = await serve(handlers)
  const { response } = await settle<GetServerInfoResponse>((done) => at.admin.getServerInfo({}, done))
  expect(response.principal).toBe('anonymous@loopback')
})

test('health is open to callers without a token', async () => {
  await using at = await serve(handlers, { tokens })
  const health = new HealthClient(at.address, ChannelCredentials.createInsecure())
  expect((await settle((done) => health.check({ service: '' }, done))).response).toEqual({ status: 1 })
  health.close()
})

test('TLS from certificate and key', async () => {
  await using at = await serve(handlers, {
    tls,
    tokens,
    address: 'localhost:0',
    credentials: ChannelCredentials.createSsl(tls.cert),
  })
  const { response } = await settle<GetServerInfoResponse>((done) =>
    at.admin.getServerInfo({}, bearer('s3cret'), done),
  )
  expect(response.principal).toBe('alice')
})

test.each([
  ['nothing', {}],
  ['TLS alone', { tls }],
  ['a token alone', { tokens }],
])('beyond loopback a server with %s does not listen, and says what to do', async (_what, options) => {
  await expect(serve(handlers, { address: '0.0.0.0:0', ...options })).rejects.toThrow(
    /HOLDFAST_TLS_CERT_FILE/,
  )
})

test('beyond loopback a server with TLS and a token listens', async () => {
  const credentials = ChannelCredentials.createSsl(tls.cert)
  await using at = await serve(handlers, { address: '0.0.0.0:0', tls, tokens, credentials })
  expect(at.address).toMatch(/^0\.0\.0\.0:\d+$/)
})
