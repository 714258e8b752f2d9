import { expect, test } from 'vitest'
import { Lock_EndCause, Lock_Mode, Lock_State } from '../../../../proto/gen/holdfast/v1/lock.ts'
import {
  acquire,
  acquisition,
  hold,
  leaseKeyOf,
  lockOf,
  openLease,
  refusalOf,
  release,
} from '../../../../test/harness/lock-commands.ts'
import { MemoryLedger, noon } from '../../../../test/harness/memory-ledger.ts'
import type { Command } from '../command.ts'
import { HoldfastError } from '../error.ts'
import { AcquireLock } from './acquire-lock.ts'
import { EndDue } from './end-due.ts'
import { ExpireLeases } from './end-leases.ts'
import { ForceReleaseLock, ReleaseLock, RequestRelease, requireFence } from './release-lock.ts'

function ledgerWith(...clients: number[]): MemoryLedger {
  const ledger = new MemoryLedger()
  for (const client of clients) openLease(ledger, client)
  return ledger
}

const fence = (lock: { name: string; fencingToken: bigint }): Command<string> => ({
  size: 0,
  collect: (keys) => keys.lock(lock.name),
  decide: (state) => requireFence(state, lock).resource.name,
})

test('L8 two releases of one lock in one batch have the same answer', () => {
  const ledger = ledgerWith(1)
  const lock = lockOf(ledger.do(acquire(1, 'airship')))
  const [first, second] = ledger.run(release(1, lock), release(1, lock))
  expect(first).not.toBeInstanceOf(HoldfastError)
  expect(second).toEqual(first)
})

test('L8 who gives up a request that was granted meanwhile has the same answer when it says so again', () => {
  const ledger = ledgerWith(1, 2)
  const first = lockOf(ledger.do(acquire(1, 'airship')))
  const waiting = lockOf(ledger.do(acquire(2, 'airship')))
  ledger.do(release(1, first))
  const given = ledger.do(release(2, waiting))
  expect(ledger.get('lock', waiting.name)).toMatchObject({
    state: Lock_State.ENDED,
    revision: given.revision,
  })
  expect(ledger.do(release(2, waiting))).toEqual(given)
})

test('L9 a release in the same batch after a force is stale, and says who ended it', () => {
  const ledger = ledgerWith(1)
  const { name, fencingToken, ...rest } = lockOf(ledger.do(acquire(1, 'airship')))
  const force = new ForceReleaseLock({ name, fencingToken, reason: 'stuck', principal: 'boss' })
  const [forced, released] = ledger.run<unknown>(force, release(1, { name, fencingToken, ...rest }))
  expect(forced).not.toBeInstanceOf(HoldfastError)
  expect(released).toMatchObject({ reason: 'STALE_TOKEN', message: expect.stringContaining('boss') })
})

test('L9 a release with the secret or the lease of another does nothing', () => {
  const ledger = ledgerWith(1, 2)
  const lock = lockOf(ledger.do(acquire(1, 'airship')))
  expect(refusalOf(() => ledger.do(release(2, lock)))).toMatchObject({ reason: 'STALE_TOKEN' })
  const lease = { ...leaseKeyOf(1), secretHash: 'guessed' }
  const guess = new ReleaseLock({ name: lock.name, fencingToken: lock.fencingToken, lease, principal: 'ann' })
  expect(refusalOf(() => ledger.do(guess))).toMatchObject({ reason: 'PERMISSION_DENIED' })
  expect(ledger.get('lock', lock.name).state).toBe(Lock_State.HELD)
})

test('L8 a request sent again is the same lock, also after its end; with other content it is refused', () => {
  const ledger = ledgerWith(1)
  const wanted = acquisition(1, 'airship')
  const lock = lockOf(ledger.do(new AcquireLock(wanted)))
  expect(lockOf(ledger.do(new AcquireLock(wanted)))).toMatchObject({
    name: lock.name,
    state: Lock_State.HELD,
  })
  ledger.do(release(1, lock))
  expect(lockOf(ledger.do(new AcquireLock(wanted)))).toMatchObject({
    name: lock.name,
    state: Lock_State.ENDED,
  })
  const other = new AcquireLock({ ...wanted, scopes: acquisition(1, 'mast').scopes })
  expect(refusalOf(() => ledger.do(other))).toMatchObject({ reason: 'REQUEST_ID_REUSED' })
})

test('a request that is granted in the moment in which its wait is over is not ended as held too long', () => {
  const ledger = ledgerWith(1, 2)
  const maxHold = { seconds: 5n, nanos: 0 }
  lockOf(ledger.do(acquire(1, 'airship', { maxHold })))
  const waiter = lockOf(ledger.do(acquire(2, 'airship', { maxHold, waitMs: 5000 })))
  ledger.now = noon(3600 + 5)
  ledger.do(new EndDue())
  expect(ledger.get('lock', waiter.name)).toMatchObject({
    state: Lock_State.HELD,
    grantTime: { seconds: noon(3605) / 1_000_000n },
  })
})

test('L13 a hold ends each request that waits and that it covers, once, in its own revision', () => {
  const ledger = ledgerWith(1, 2, 3)
  lockOf(ledger.do(acquire(1, 'airship')))
  const both = { scopes: [...acquisition(2, 'airship').scopes, ...acquisition(2, 'mast').scopes] }
  const second = lockOf(ledger.do(acquire(2, 'airship', both)))
  const third = lockOf(ledger.do(acquire(3, 'mast')))
  const { revision } = ledger.do(hold(''))
  for (const { name } of [second, third]) {
    expect(ledger.get('lock', name)).toMatchObject({
      endCause: Lock_EndCause.BLOCKED,
      endReason: 'needs migration 42',
      revision,
    })
  }
})

test('L7 a request whose lease is over by the clock is not granted; the sweep ends it and grants the next', () => {
  const ledger = ledgerWith(1, 3)
  openLease(ledger, 2, { ttlS: 10 })
  const first = lockOf(ledger.do(acquire(1, 'airship')))
  const dead = lockOf(ledger.do(acquire(2, 'airship')))
  const next = lockOf(ledger.do(acquire(3, 'airship')))
  ledger.now = noon(3600 + 11)
  ledger.do(release(1, first))
  expect(ledger.get('lock', dead.name).state).toBe(Lock_State.WAITING)
  expect(ledger.get('lock', next.name).state).toBe(Lock_State.WAITING)
  ledger.do(new ExpireLeases([leaseKeyOf(2).id]))
  expect(ledger.get('lock', dead.name)).toMatchObject({
    endCause: Lock_EndCause.LEASE_EXPIRED,
    fencingToken: 0n,
  })
  expect(ledger.get('lock', next.name).state).toBe(Lock_State.HELD)
})

test('L5 a fence holds for the lock that is held under it, and for no other token, end or epoch', () => {
  const ledger = ledgerWith(1)
  const lock = lockOf(ledger.do(acquire(1, 'airship')))
  expect(ledger.do(fence(lock))).toBe(lock.name)
  const stale = (act: () => unknown) => expect(refusalOf(act)).toMatchObject({ reason: 'STALE_TOKEN' })
  stale(() => ledger.do(fence({ ...lock, fencingToken: lock.fencingToken + 1n })))
  ledger.epoch += 1n
  stale(() => ledger.do(fence(lock)))
  ledger.epoch -= 1n
  // Ended by the command before it in the same batch.
  const [, fenced] = ledger.run<unknown>(release(1, lock), fence(lock))
  expect(fenced).toMatchObject({ reason: 'STALE_TOKEN' })
})

test('who is behind many is told of the holder and the next ten, in their order, and how many there are', () => {
  const ledger = ledgerWith(1)
  const standings = Array.from({ length: 150 }, (_, n) =>
    ledger.do(acquire(1, n % 2 === 0 ? 'airship' : '*')),
  )
  const names = standings.map((standing) => lockOf(standing).name)
  const last = ledger.do(acquire(1, 'airship'))
  expect(last).toMatchObject({ place: 150, totalBlockers: 150 })
  expect(last.blockers.map(({ resource }) => resource)).toEqual(names.slice(0, 11))
  const refused = refusalOf(() => ledger.do(acquire(1, 'airship', { waitMs: 0 })))
  expect(refused).toMatchObject({ reason: 'LOCK_HELD', totalBlockers: 151 })
  expect(refused.message).toContain('(and 150 more)')
  expect(refused.blockers).toEqual(last.blockers)
})

test('several holders are told of in the order of their requests, whatever became of their locks since', () => {
  const ledger = ledgerWith(1, 2)
  const mode = Lock_Mode.SHARED
  const locks = [1, 2, 3].map(() => lockOf(ledger.do(acquire(1, 'airship', { mode }))))
  ledger.do(new RequestRelease(locks[0]!.name, { requestedBy: 'bob', reason: 'hotfix' }))
  const { blockers } = ledger.do(acquire(2, 'airship'))
  expect(blockers.map(({ resource }) => resource)).toEqual(locks.map((lock) => lock.name))
})

test('a wish for release is told at the lock, and one that is repeated changes nothing', () => {
  const ledger = ledgerWith(1)
  const { name } = lockOf(ledger.do(acquire(1, 'airship')))
  const wish = () => new RequestRelease(name, { requestedBy: 'bob', reason: 'hotfix' })
  const { lock, revision } = ledger.do(wish())
  expect(lock.releaseRequest).toMatchObject({ requestedBy: 'bob', reason: 'hotfix' })
  expect(ledger.do(wish()).revision).toBe(revision)
})
