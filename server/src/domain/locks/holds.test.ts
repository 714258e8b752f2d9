import { expect, test } from 'vitest'
import { Hold_LiftCause, Hold_State } from '../../../../proto/gen/holdfast/v1/hold.ts'
import { Lock_EndCause, Lock_State } from '../../../../proto/gen/holdfast/v1/lock.ts'
import { acquire, hold, lockOf, openLease, refusalOf } from '../../../../test/harness/lock-commands.ts'
import { MemoryLedger, noon } from '../../../../test/harness/memory-ledger.ts'
import { timestampFromInstant } from '../instant.ts'
import { RevokeCondition, SatisfyCondition } from './conditions.ts'
import { EndDue } from './end-due.ts'
import { AmendHold, type HoldAmendment, type HoldDraft, LiftHold } from './holds.ts'

function ledgerWith(...clients: number[]): MemoryLedger {
  const ledger = new MemoryLedger()
  for (const client of clients) openLease(ledger, client)
  return ledger
}

const amend = (name: string, more: Partial<HoldAmendment>): AmendHold =>
  new AmendHold(
    { name, etag: '', reason: undefined, until: undefined, when: undefined, allows: undefined, ...more },
    'bob',
  )
const satisfy = (condition: string) => new SatisfyCondition({ condition, reason: 'done', principal: 'ann' })
const revoke = (condition: string) =>
  new RevokeCondition({ condition, reason: 'rolled back', principal: 'ann' })

test('a hold refuses what it covers, with how it is lifted; when it is lifted nothing is in the way', () => {
  const ledger = ledgerWith(1)
  const { hold: placed } = ledger.do(hold('airship'))
  const refusal = refusalOf(() => ledger.do(acquire(1, 'airship')))
  expect(refusal).toMatchObject({
    reason: 'BLOCKED',
    blockers: [{ resource: placed.name, who: 'bob', remedy: expect.stringContaining('holdfast lift') }],
  })
  ledger.do(new LiftHold({ name: placed.name, etag: '', reason: 'migrated' }, 'ann'))
  expect(lockOf(ledger.do(acquire(1, 'airship'))).state).toBe(Lock_State.HELD)
  expect(ledger.get('hold', placed.name)).toMatchObject({ liftedBy: 'ann', liftReason: 'migrated' })
})

test('a hold that is placed again with its id is the same one, also once it was lifted: it blocks no more', () => {
  const ledger = ledgerWith(1)
  const place = (more: Partial<HoldDraft> = {}) =>
    ledger.do(hold('airship', { requestId: 'r-1', ...more })).hold
  const placed = place()
  expect(place().name).toBe(placed.name)
  ledger.do(new LiftHold({ name: placed.name, etag: '', reason: 'migrated' }, 'ann'))
  expect(place()).toMatchObject({ name: placed.name, state: Hold_State.LIFTED })
  expect(lockOf(ledger.do(acquire(1, 'airship'))).state).toBe(Lock_State.HELD)
  expect(refusalOf(() => place({ reason: 'other' })).reason).toBe('REQUEST_ID_REUSED')
})

test('a hold without an id is told by its content while it stands, and can be put up again after', () => {
  const ledger = ledgerWith()
  const place = (more: Partial<HoldDraft> = {}) => ledger.do(hold('airship', more)).hold.name
  const first = place()
  expect(place()).toBe(first)
  expect(place({ reason: 'other' })).not.toBe(first)
  ledger.do(new LiftHold({ name: first, etag: '', reason: '' }, 'ann'))
  expect(place()).not.toBe(first)
})

test('what is held stays when a hold is put up', () => {
  const ledger = ledgerWith(1)
  const lock = lockOf(ledger.do(acquire(1, 'airship')))
  ledger.do(hold('airship'))
  expect(ledger.get('lock', lock.name).state).toBe(Lock_State.HELD)
})

test('a hold until a time lifts itself then, and does not block from that moment on', () => {
  const ledger = ledgerWith(1)
  const { hold: placed } = ledger.do(hold('airship', { untilTime: timestampFromInstant(noon(3660)) }))
  ledger.now = noon(3659)
  ledger.do(new EndDue())
  expect(refusalOf(() => ledger.do(acquire(1, 'airship'))).reason).toBe('BLOCKED')
  ledger.now = noon(3660)
  expect(lockOf(ledger.do(acquire(1, 'airship'))).state).toBe(Lock_State.HELD)
  ledger.do(new EndDue())
  expect(ledger.get('hold', placed.name)).toMatchObject({
    state: Hold_State.LIFTED,
    liftCause: Hold_LiftCause.TIME,
  })
})

test('a hold until a condition is lifted in the revision that makes it true', () => {
  const ledger = ledgerWith()
  const { hold: placed } = ledger.do(hold('airship', { untilCondition: 'migration:airship/42' }))
  const { lifted, revision } = ledger.do(satisfy('migration:airship/42'))
  expect(lifted).toMatchObject([{ name: placed.name, liftCause: Hold_LiftCause.CONDITION, revision }])
})

test.each([
  ['until_time', { untilTime: timestampFromInstant(noon(3600)) }],
  ['until_condition', { untilCondition: 'migration:airship/42' }],
])('a hold that would never stand is refused: %s', (field, draft) => {
  const ledger = ledgerWith()
  ledger.do(satisfy('migration:airship/42'))
  expect(refusalOf(() => ledger.do(hold('airship', draft)))).toMatchObject({
    reason: 'INVALID_REQUEST',
    violations: [{ field }],
  })
})

test('an amended hold blocks all the while: its reason, what lifts it, and whom it blocks can change', () => {
  const ledger = ledgerWith(1)
  const { hold: placed } = ledger.do(hold('airship', { when: 'attempt.version == "1"' }))
  const attributes = { version: '2' }
  const waiter = () => acquire(1, 'airship', { attributes })
  lockOf(ledger.do(waiter()))
  const waiting = lockOf(ledger.do(waiter()))
  ledger.do(amend(placed.name, { reason: 'all of it', when: '' }))
  expect(ledger.get('lock', waiting.name)).toMatchObject({
    endCause: Lock_EndCause.BLOCKED,
    endReason: 'all of it',
  })
  const until = { untilTime: timestampFromInstant(noon(3700)), untilCondition: '' }
  ledger.do(amend(placed.name, { until }))
  expect(ledger.get('hold', placed.name)).toMatchObject({ reason: 'all of it', ...until })
  ledger.do(amend(placed.name, { allows: ['ann'] }))
  expect(lockOf(ledger.do(waiter())).state).toBe(Lock_State.WAITING)
  ledger.now = noon(3700)
  ledger.do(new EndDue())
  expect(ledger.get('hold', placed.name).liftCause).toBe(Hold_LiftCause.TIME)
})

test('an amendment of what has changed meanwhile, or is lifted, is refused', () => {
  const ledger = ledgerWith()
  const { hold: placed } = ledger.do(hold('airship'))
  ledger.do(amend(placed.name, { reason: 'other' }))
  const late = amend(placed.name, { etag: placed.etag, reason: 'late' })
  expect(refusalOf(() => ledger.do(late)).reason).toBe('ETAG_MISMATCH')
  ledger.do(new LiftHold({ name: placed.name, etag: '', reason: '' }, 'ann'))
  expect(refusalOf(() => ledger.do(amend(placed.name, { reason: 'late' }))).reason).toBe('NOT_FOUND')
})

test('a request that requires a condition is blocked until it is true, and ends when it is revoked while it waits', () => {
  const ledger = ledgerWith(1, 2)
  const requires = ['migration:airship/42']
  expect(refusalOf(() => ledger.do(acquire(1, 'airship', { requires })))).toMatchObject({
    reason: 'BLOCKED',
    blockers: [{ remedy: expect.stringContaining('holdfast satisfy migration:airship/42') }],
  })
  ledger.do(satisfy(requires[0]!))
  const held = lockOf(ledger.do(acquire(1, 'airship', { requires })))
  const waiting = lockOf(ledger.do(acquire(2, 'airship', { requires })))
  ledger.do(revoke(requires[0]!))
  expect(ledger.get('lock', held.name).state).toBe(Lock_State.HELD)
  expect(ledger.get('lock', waiting.name)).toMatchObject({ endCause: Lock_EndCause.BLOCKED })
})

test('going through a hold needs the permission and says why', () => {
  const ledger = ledgerWith(1)
  ledger.do(hold('airship'))
  const override = { overrideReason: 'site is down' }
  expect(refusalOf(() => ledger.do(acquire(1, 'airship', override))).reason).toBe('PERMISSION_DENIED')
  const lock = lockOf(ledger.do(acquire(1, 'airship', { ...override, mayOverride: true })))
  expect(lock).toMatchObject({ state: Lock_State.HELD, overrideReason: 'site is down' })
})
