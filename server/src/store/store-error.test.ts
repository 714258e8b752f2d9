import { expect, test } from 'vitest'
import { storeError } from './store-error.ts'

test.each([
  ['a name server that does not answer in time', 'EAI_AGAIN', 'getaddrinfo EAI_AGAIN db.example.com'],
  ['no way to the network of the database', 'ENETUNREACH', 'connect ENETUNREACH 10.0.0.7:5432'],
  ['a network that is down', 'ENETDOWN', 'connect ENETDOWN 10.0.0.7:5432'],
  ['a host that is down', 'EHOSTDOWN', 'connect EHOSTDOWN 10.0.0.7:5432'],
  ['a connection that its own side gave up', 'ECONNABORTED', 'write ECONNABORTED'],
])('%s passes: the call may be made again', (_what, code, message) => {
  const thrown = Object.assign(new Error(message), { code })
  expect(storeError(thrown)).toMatchObject({ reason: 'STORE_UNAVAILABLE', retryAfterMs: 500, cause: thrown })
})

test('a fault of a statement does not pass', () => {
  const thrown = Object.assign(new Error('relation "lock" does not exist'), { code: '42P01' })
  expect(storeError(thrown)).toBe(thrown)
})
