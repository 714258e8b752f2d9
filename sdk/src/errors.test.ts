import { expect, test } from 'vitest'
import { BadRequest } from '../../proto/gen/google/rpc/error_details.ts'
import { detailsFromTrailer, detailsOfStatus } from './error-details.ts'
import { ClientClosedError, CompactedError, HoldfastError, NotFoundError } from './errors.ts'
import { errorOfStatus, localStatus } from './status.ts'

test('instanceof goes by kind, and by subclass', () => {
  const error = new CompactedError('revision 5 is gone', {
    code: 'OUT_OF_RANGE',
    reason: 'REVISION_COMPACTED',
  })
  expect(error).toBeInstanceOf(CompactedError)
  expect(error).toBeInstanceOf(HoldfastError)
  expect(error).not.toBeInstanceOf(NotFoundError)
  expect(error.name).toBe('CompactedError')
  expect(error.message).toBe('[revision compacted] revision 5 is gone')
  expect(new Error('x')).not.toBeInstanceOf(HoldfastError)
})

test('instanceof holds between two copies of the package', async () => {
  // @ts-expect-error A query makes it another module.
  const copy: typeof import('./errors.ts') = await import('./errors.ts?copy')
  expect(copy.NotFoundError).not.toBe(NotFoundError)
  const error = new copy.NotFoundError('gone', { code: 'NOT_FOUND' })
  expect(error).toBeInstanceOf(NotFoundError)
  expect(error).toBeInstanceOf(HoldfastError)
  expect(error).not.toBeInstanceOf(CompactedError)
})

test('a subclass of the user is itself, and what it extends', () => {
  class Missing extends NotFoundError {}
  const error = new Missing('gone', { code: 'NOT_FOUND' })
  expect(error).toBeInstanceOf(Missing)
  expect(error).toBeInstanceOf(NotFoundError)
  expect(new NotFoundError('gone', { code: 'NOT_FOUND' })).not.toBeInstanceOf(Missing)
})

test('the reason decides the class before the code does', () => {
  const status = localStatus('OUT_OF_RANGE', 'too old')
  status.details.reason = 'REVISION_COMPACTED'
  expect(errorOfStatus(status)).toBeInstanceOf(CompactedError)
  expect(errorOfStatus(localStatus('OUT_OF_RANGE', 'x')).constructor).toBe(HoldfastError)
  expect(new ClientClosedError()).toMatchObject({ code: 'CANCELLED', reason: 'CLIENT_CLOSED' })
})

test('every violation is told', () => {
  const violations = [
    { field: 'a', description: 'must be set', reason: '' },
    { field: 'b[1]', description: 'too long', reason: '' },
  ]
  const value = Buffer.from(BadRequest.encode({ fieldViolations: violations }).finish())
  const details = [{ typeUrl: 'type.googleapis.com/google.rpc.BadRequest', value }]
  expect(detailsOfStatus({ code: 3, message: 'bad', details }).violations).toEqual([
    { field: 'a', description: 'must be set' },
    { field: 'b[1]', description: 'too long' },
  ])
})

test('a trailer that is not what it should be is left aside', () => {
  expect(detailsFromTrailer(Buffer.from('not protobuf'))).toEqual(detailsFromTrailer(undefined))
})
