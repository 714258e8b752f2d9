import {
  BlockedError,
  type Blocker,
  CompactedError,
  DeadlineExceededError,
  EventRefusedError,
  InvalidRequestError,
  LockLostError,
  NotFoundError,
  UnauthenticatedError,
  UnavailableError,
} from '@holdfast/sdk'
import { expect, test } from 'vitest'
import { exitCode } from './exit-code.ts'
import { describeFailure } from './failure.ts'
import { UsageError } from './usage-error.ts'

const address = '127.0.0.1:7420'

test('exit codes are API', () => {
  expect(exitCode).toEqual({ done: 0, failed: 1, usage: 2, blocked: 10, unreachable: 11, lockLost: 12 })
})

test('no server: which address was tried, why not, and what to do', () => {
  const detail = `holdfast.v1.StateService/ListMachines: no connection: connect ECONNREFUSED ${address} (5 attempts)`
  expect(describeFailure(new UnavailableError(detail, { code: 'UNAVAILABLE' }), address)).toEqual({
    what: `no server answers at ${address}: connect ECONNREFUSED ${address}`,
    hints: ["Start one with 'holdfast server', or say where it is: --address HOST:PORT or HOLDFAST_ADDRESS."],
    code: 11,
  })
})

test.each<[string, Error, number]>([
  ['a slow server', new DeadlineExceededError('too slow', { code: 'DEADLINE_EXCEEDED' }), 11],
  ['a server going down', new UnavailableError('x', { code: 'UNAVAILABLE', reason: 'SERVER_DRAINING' }), 11],
  ['a bad filter', new InvalidRequestError('no such field', { code: 'INVALID_ARGUMENT' }), 2],
  ['a bad option', new UsageError('no'), 2],
  ['an address that is none', new TypeError('address "x y" is not of the form host:port'), 2],
  ['a machine that is not there', new NotFoundError('no', { code: 'NOT_FOUND' }), 1],
  ['a missing token', new UnauthenticatedError('no', { code: 'UNAUTHENTICATED' }), 1],
  ['a revision that is gone', new CompactedError('no', { code: 'OUT_OF_RANGE' }), 1],
  ['an event that is refused', new EventRefusedError('no', { code: 'INVALID_ARGUMENT' }), 1],
  ['a lock that was lost', new LockLostError('locks/4f', { cause: 'max-hold' }), 12],
  ['a broken program', new RangeError('no'), 1],
])('%s has its exit code', (_, error, code) => {
  expect(describeFailure(error, address).code).toBe(code)
})

test('what the system refuses is told in its words, without a stack trace', () => {
  const error = Object.assign(new Error("EACCES: permission denied, open '/x'"), { code: 'EACCES' })
  expect(describeFailure(error, address)).toEqual({ what: error.message, hints: [], code: 1 })
  const bug = Object.assign(new TypeError('no'), { code: 'ERR_INVALID_ARG_TYPE' })
  expect(describeFailure(bug, address).what).toMatch(/^unexpected: TypeError/)
})

test('all violations of a request are told', () => {
  const violations = [
    { field: 'service', description: 'is too long' },
    { field: 'version', description: 'is empty' },
  ]
  const error = new InvalidRequestError('two fields are wrong', { code: 'INVALID_ARGUMENT', violations })
  expect(describeFailure(error, address).hints).toEqual(['service: is too long', 'version: is empty'])
})

test('something in the way: each thing once, with who, why and how it is lifted', () => {
  const hold: Blocker = {
    kind: 'hold',
    resource: 'holds/1c',
    scopes: ['production'],
    who: 'ada',
    reason: 'launch',
    sinceAt: undefined,
    untilAt: undefined,
    remedy: 'holdfast lift 1c',
  }
  const detail = 'production/airship is blocked: holds/1c of ada, "launch"; holdfast lift 1c\nand so on'
  const error = new BlockedError(detail, { code: 'FAILED_PRECONDITION', blockers: [hold] })
  expect(describeFailure(error, address)).toEqual({
    what: 'production/airship is blocked',
    hints: ['  production is on hold by ada: launch', '    holdfast lift 1c'],
    code: 10,
  })
})
