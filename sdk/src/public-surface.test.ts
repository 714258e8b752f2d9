import { expect, expectTypeOf, test } from 'vitest'
import type {
  Acknowledged,
  AcquiredLock,
  Blocker,
  CanDeploy,
  ChangedMachine,
  ConnectOptions,
  FencingToken,
  Hold,
  IngestStats,
  Instance,
  Lock,
  LockHeldError,
  LockLostError,
  Machine,
  MachineInput,
  Paginator,
  Revision,
  ServerInfo,
  Service,
  Source,
  TimelineEntry,
  VersionCell,
  WatchEvent,
  WatchedChange,
  WatchPosition,
  WatchStart,
  Written,
} from './index.ts'
import * as sdk from './index.ts'
import { type event, Holdfast, HoldfastError, type IngestStream, NotFoundError, revision } from './index.ts'

test('the values that users import are these, and no others by accident', () => {
  expect(Object.keys(sdk).sort()).toEqual([
    'AcquireTimedOutError',
    'BlockedError',
    'ClientClosedError',
    'CompactedError',
    'ConflictError',
    'DeadlineExceededError',
    'EpochChangedError',
    'EventRefusedError',
    'Holdfast',
    'HoldfastError',
    'IngestStream',
    'InvalidRequestError',
    'LeaseExpiredError',
    'LockHeldError',
    'LockLostError',
    'NotFoundError',
    'PermissionDeniedError',
    'QuotaExceededError',
    'RequestIdReusedError',
    'RevisionAheadError',
    'StaleTokenError',
    'UnauthenticatedError',
    'UnavailableError',
    'dateFromTimestamp',
    'event',
    'firstToken',
    'revision',
    'scopeText',
    'timestampFromDate',
  ])
})

test('connecting', () => {
  expectTypeOf(Holdfast.connect).returns.resolves.toEqualTypeOf<Holdfast>()
  expectTypeOf(Holdfast.lazy).returns.toEqualTypeOf<Holdfast>()
  expectTypeOf<Holdfast>().toExtend<AsyncDisposable>()
  expectTypeOf<() => Promise<string>>().toExtend<ConnectOptions['token']>()
  expectTypeOf<Console>().toExtend<ConnectOptions['logger']>()
  expectTypeOf<{ cert: string }>().toExtend<ConnectOptions['tls']>()
  // There is nothing to make a client with but connect and lazy.
  // @ts-expect-error
  expectTypeOf(() => new Holdfast({})).toBeFunction()
})

test('reporting', () => {
  expectTypeOf<Holdfast['started']>().returns.resolves.toEqualTypeOf<Written>()
  expectTypeOf<Holdfast['stopped']>().returns.resolves.toEqualTypeOf<Written>()
  expectTypeOf<Holdfast['heartbeat']>().returns.resolves.toEqualTypeOf<Written>()
  expectTypeOf<Holdfast['deployed']>().returns.resolves.toEqualTypeOf<Written>()
  expectTypeOf<Holdfast['observe']>().returns.resolves.toEqualTypeOf<Written>()
  expectTypeOf<Holdfast['note']>().returns.resolves.toEqualTypeOf<Written>()
  expectTypeOf<Written>().toEqualTypeOf<{ revision: Revision; ledgerEpoch: bigint; duplicate: boolean }>()
  expectTypeOf<'web-0' | { aliases: [{ kind: 'machine-id'; value: 'x' }] }>().toExtend<MachineInput>()
  const check = async (holdfast: Holdfast) => {
    await holdfast.started('airship')
    await holdfast.started('airship', { machine: 'web-0', version: '1', process: { pid: 1 }, timeoutMs: 5 })
    await holdfast.deployed('airship', { version: '1', machines: ['web-0'], status: 'failed' })
    // @ts-expect-error a deployment has a version
    await holdfast.deployed('airship', { machines: ['web-0'] })
    // @ts-expect-error no such status
    await holdfast.deployed('airship', { version: '1', machines: [], status: 'done' })
    // @ts-expect-error no such kind of alias
    await holdfast.started('airship', { machine: { aliases: [{ kind: 'nickname', value: 'x' }] } })
    // @ts-expect-error a retirement has a reason
    await holdfast.retireMachine('web-0', {})
  }
  expectTypeOf(check).toBeFunction()
})

test('streaming', () => {
  expectTypeOf<Holdfast['ingest']>().returns.toEqualTypeOf<IngestStream>()
  expectTypeOf<IngestStream>().toExtend<AsyncDisposable>()
  expectTypeOf<IngestStream['send']>().parameter(0).toExtend<ReturnType<typeof event.note>>()
  expectTypeOf<IngestStream['send']>().returns.toEqualTypeOf<Promise<void>>()
  expectTypeOf<IngestStream['sendAndWait']>().returns.resolves.toEqualTypeOf<Acknowledged>()
  expectTypeOf<IngestStream['stats']>().toEqualTypeOf<IngestStats>()
})

test('reading', () => {
  expectTypeOf<Holdfast['getMachine']>().returns.resolves.toEqualTypeOf<Machine>()
  expectTypeOf<Holdfast['getService']>().returns.resolves.toEqualTypeOf<Service>()
  expectTypeOf<Holdfast['getInstance']>().returns.resolves.toEqualTypeOf<Instance>()
  expectTypeOf<Holdfast['listMachines']>().returns.toEqualTypeOf<Paginator<Machine>>()
  expectTypeOf<Holdfast['listServices']>().returns.toEqualTypeOf<Paginator<Service>>()
  expectTypeOf<Holdfast['listInstances']>().returns.toEqualTypeOf<Paginator<Instance>>()
  expectTypeOf<Holdfast['listVersions']>().returns.toEqualTypeOf<Paginator<VersionCell>>()
  expectTypeOf<Holdfast['listTimeline']>().returns.toEqualTypeOf<Paginator<TimelineEntry>>()
  expectTypeOf<Holdfast['listSources']>().returns.toEqualTypeOf<Paginator<Source>>()
  expectTypeOf<Holdfast['getServerInfo']>().returns.resolves.toEqualTypeOf<ServerInfo>()
  expectTypeOf<Holdfast['updateMachine']>().returns.resolves.toEqualTypeOf<ChangedMachine>()
  expectTypeOf<Paginator<Machine>>().toExtend<AsyncIterable<Machine>>()
  expectTypeOf(revision).returns.toEqualTypeOf<Revision>()
  expectTypeOf<Revision>().toExtend<bigint>()
  expectTypeOf<bigint>().not.toExtend<Revision>()
  const check = async (holdfast: Holdfast, written: Written) => {
    await holdfast.getMachine('web-0', { asOf: written.revision })
    await holdfast.getMachine('web-0', { asOf: new Date() })
    // @ts-expect-error a plain number of another kind is no revision
    await holdfast.getMachine('web-0', { asOf: written.ledgerEpoch })
  }
  expectTypeOf(check).toBeFunction()
})

test('watching', () => {
  expectTypeOf<Holdfast['watchState']>().returns.toExtend<AsyncIterable<WatchEvent>>()
  expectTypeOf<WatchEvent['position']>().toEqualTypeOf<WatchPosition>()
  expectTypeOf<WatchPosition>().toExtend<WatchStart>()
  expectTypeOf<Written>().toExtend<WatchStart>()
  expectTypeOf<Extract<WatchEvent, { type: 'change' }>['changes']>().toEqualTypeOf<WatchedChange[]>()
  expectTypeOf<WatchedChange['resource']['$case']>().toEqualTypeOf<
    'machine' | 'facet' | 'service' | 'instance' | 'condition' | 'lock' | 'hold' | 'run' | 'finding' | 'rule'
  >()
  // Every step is told apart by its type.
  const check = (step: WatchEvent): bigint => {
    switch (step.type) {
      case 'snapshot':
        return BigInt(step.resources.length)
      case 'change':
        return BigInt(step.commitTime.getTime())
      case 'snapshotEnd':
      case 'progress':
        return step.revision
    }
  }
  expectTypeOf(check).toBeFunction()
})

test('locking', () => {
  expectTypeOf<Holdfast['acquireLock']>().returns.resolves.toEqualTypeOf<AcquiredLock>()
  expectTypeOf<Holdfast['tryAcquireLock']>().returns.resolves.toEqualTypeOf<AcquiredLock | undefined>()
  expectTypeOf<AcquiredLock>().toExtend<AsyncDisposable>()
  expectTypeOf<AcquiredLock['signal']>().toEqualTypeOf<AbortSignal>()
  expectTypeOf<AcquiredLock['state']>().toEqualTypeOf<'held' | 'at-risk' | 'lost' | 'released'>()
  expectTypeOf<AcquiredLock['fencingToken']>().toEqualTypeOf<FencingToken>()
  expectTypeOf<FencingToken>().not.toExtend<Revision>()
  expectTypeOf<LockHeldError['blockers']>().toEqualTypeOf<readonly Blocker[]>()
  expectTypeOf<LockLostError['lossCause']>().toExtend<string>()
  expectTypeOf<Holdfast['getLock']>().returns.resolves.toEqualTypeOf<Lock>()
  expectTypeOf<Holdfast['verifyFence']>().returns.resolves.toEqualTypeOf<Lock>()
  expectTypeOf<Holdfast['listLocks']>().returns.toEqualTypeOf<Paginator<Lock>>()
  expectTypeOf<Holdfast['listHolds']>().returns.toEqualTypeOf<Paginator<Hold>>()
  expectTypeOf<Holdfast['canDeploy']>().returns.resolves.toEqualTypeOf<CanDeploy>()
  const check = async (holdfast: Holdfast, lock: AcquiredLock) => {
    await holdfast.acquireLock('production/airship')
    await holdfast.acquireLock(['production/airship', { name: 'db-migration' }], { mode: 'shared' })
    const sum = await holdfast.withLock('production', { waitMs: 5 }, async (held, signal) => {
      return signal.aborted ? 0 : held.remainingMs
    })
    expectTypeOf(sum).toEqualTypeOf<number>()
    await holdfast.forceReleaseLock(lock.name, { fencingToken: lock.fencingToken, reason: 'gone' })
    // @ts-expect-error somebody else's lock is not ended without a reason
    await holdfast.forceReleaseLock(lock.name, { fencingToken: lock.fencingToken })
    // @ts-expect-error a hold has a reason
    await holdfast.placeHold('production', {})
    // @ts-expect-error there is no such mode
    await holdfast.acquireLock('production', { mode: 'upgradable' })
    // @ts-expect-error trying does not wait
    await holdfast.tryAcquireLock('production', { waitMs: 5 })
  }
  expectTypeOf(check).toBeFunction()
})

test('errors', () => {
  expectTypeOf<NotFoundError>().toExtend<HoldfastError>()
  expectTypeOf<HoldfastError>().toExtend<Error>()
  expectTypeOf<HoldfastError['retryAfterMs']>().toEqualTypeOf<number | undefined>()
  const error: unknown = new NotFoundError('gone', { code: 'NOT_FOUND' })
  if (error instanceof HoldfastError) expectTypeOf(error.reason).toEqualTypeOf<string>()
})
