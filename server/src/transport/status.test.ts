import { status as Code } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { BadRequest, ErrorInfo, RetryInfo } from '../../../proto/gen/google/rpc/error_details.ts'
import { HoldfastError, type HoldfastErrorOptions, type Reason } from '../domain/error.ts'
import { grpcCode, grpcStatus, holdfastErrorOf, rpcStatus } from './status.ts'

const codes: Record<Reason, keyof typeof Code> = {
  INVALID_REQUEST: 'INVALID_ARGUMENT',
  FILTER_INVALID: 'INVALID_ARGUMENT',
  PAGE_TOKEN_INVALID: 'INVALID_ARGUMENT',
  NOT_FOUND: 'NOT_FOUND',
  ETAG_MISMATCH: 'ABORTED',
  REVISION_COMPACTED: 'OUT_OF_RANGE',
  REVISION_AHEAD: 'OUT_OF_RANGE',
  EPOCH_CHANGED: 'FAILED_PRECONDITION',
  SEQ_REUSED: 'ALREADY_EXISTS',
  LOG_GAP: 'OUT_OF_RANGE',
  FACETS_DIFFER: 'FAILED_PRECONDITION',
  RUN_FINISHED: 'FAILED_PRECONDITION',
  RUN_ID_REUSED: 'ALREADY_EXISTS',
  LOCK_HELD: 'FAILED_PRECONDITION',
  BLOCKED: 'FAILED_PRECONDITION',
  ACQUIRE_TIMED_OUT: 'DEADLINE_EXCEEDED',
  LEASE_EXPIRED: 'NOT_FOUND',
  STALE_TOKEN: 'ABORTED',
  REQUEST_ID_REUSED: 'ALREADY_EXISTS',
  PERMISSION_DENIED: 'PERMISSION_DENIED',
  EVENT_TOO_OLD: 'OUT_OF_RANGE',
  EVENT_IN_FUTURE: 'OUT_OF_RANGE',
  QUOTA_EXCEEDED: 'RESOURCE_EXHAUSTED',
  UNAUTHENTICATED: 'UNAUTHENTICATED',
  SERVER_DRAINING: 'UNAVAILABLE',
  STORE_UNAVAILABLE: 'UNAVAILABLE',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  CANCELLED: 'CANCELLED',
  INTERNAL: 'INTERNAL',
}

test.each(Object.entries(codes))('%s is %s', (reason, code) => {
  expect(Code[grpcCode(reason as Reason)]).toBe(code)
})

test('an error says when to try again where it knows, and otherwise nothing', () => {
  const retryOf = (options: HoldfastErrorOptions) =>
    rpcStatus(new HoldfastError('QUOTA_EXCEEDED', 'later', options)).details.find(({ typeUrl }) =>
      typeUrl.endsWith('RetryInfo'),
    )
  const retry = retryOf({ retryAfterMs: 1_500 })
  expect(RetryInfo.decode(retry!.value).retryDelay).toEqual({ seconds: 1n, nanos: 500_000_000 })
  expect(retryOf({})).toBeUndefined()
})

test('what comes of a huge error still fits the headers that clients take', () => {
  const violations = Array.from({ length: 5_000 }, (_, index) => ({
    field: `events[${index}].payload.${'深'.repeat(500)}`,
    description: '\ud800 is half a character',
  }))
  const metadata = Object.fromEntries(violations.map(({ field }, index) => [`key${index}`, field]))
  const error = new HoldfastError('INVALID_REQUEST', `名\ud800${'前'.repeat(10_000)}`, {
    violations,
    metadata,
  })
  const status = grpcStatus(error)
  const [bytes] = status.metadata.get('grpc-status-details-bin') as [Buffer]
  const header = encodeURI(status.details).length + bytes.toString('base64').length
  expect(header).toBeLessThan(8_000)
  const [info, badRequest] = rpcStatus(error).details
  expect(ErrorInfo.decode(info!.value).reason).toBe('INVALID_REQUEST')
  const { fieldViolations } = BadRequest.decode(badRequest!.value)
  expect(fieldViolations.at(-1)?.description).toMatch(/^\d+ more violations/)
})

test('what Node throws around an abort is the reason of the abort', () => {
  const reason = new HoldfastError('CANCELLED', 'gone')
  const thrown = Object.assign(new Error('The operation was aborted', { cause: reason }), {
    name: 'AbortError',
  })
  expect(holdfastErrorOf(thrown, 'r')).toBe(reason)
})

test('anything else is INTERNAL and says nothing', () => {
  const error = holdfastErrorOf('relation "machine" does not exist', 'request-1')
  expect(error).toMatchObject({ reason: 'INTERNAL', metadata: { requestId: 'request-1' } })
  expect(error.message).not.toContain('machine')
})
