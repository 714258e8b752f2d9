import { expect, test } from 'vitest'
import { Lock } from '../../../../proto/gen/holdfast/v1/lock.ts'
import { encodeRow } from '../kind.ts'
import type { Row } from '../rows.ts'
import { EndedRequests } from './ended-requests.ts'

const ended = (lease: string, requestId: string, reason: string): Row<'lock'> => {
  const resource = Lock.fromJSON({ name: 'locks/1', lease, requestId, reason })
  return { resource, body: encodeRow('lock', resource) } as Row<'lock'>
}

test('L8 a request that has ended is known by its lease and id, also when other leases used the same id', () => {
  const requests = new EndedRequests()
  requests.keep(ended('leases/a', 'deploy', 'of a'))
  expect(requests.find('leases/a', 'deploy')?.reason).toBe('of a')
  expect(requests.find('leases/b', 'deploy')).toBeUndefined()

  requests.keep(ended('leases/b', 'deploy', 'of b'))
  requests.keep(ended('leases/c', 'deploy', 'of c'))
  const reasons = ['a', 'b', 'c', 'd'].map((id) => requests.find(`leases/${id}`, 'deploy')?.reason)
  expect(reasons).toEqual(['of a', 'of b', 'of c', undefined])
})

test('what is forgotten is not known, and of others nothing is', () => {
  const requests = new EndedRequests()
  const [a, b] = [ended('leases/a', 'deploy', 'of a'), ended('leases/b', 'deploy', 'of b')]
  requests.keep(a)
  requests.forget(b.resource)
  expect(requests.find('leases/a', 'deploy')).toBeDefined()
  requests.forget(a.resource)
  expect(requests.find('leases/a', 'deploy')).toBeUndefined()

  requests.keep(a)
  requests.keep(b)
  requests.forget(a.resource)
  expect(requests.find('leases/a', 'deploy')).toBeUndefined()
  expect(requests.find('leases/b', 'deploy')?.reason).toBe('of b')
})
