import type { Hold } from '../../../proto/gen/holdfast/v1/hold.ts'
import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { Condition } from '../../../proto/gen/holdfast/v1/service.ts'
import type { CallOptions } from '../connect-options.ts'
import type { Connection } from '../connection.ts'
import { Paginator } from '../paginator.ts'
import type { ListOptions, ReadOptions } from '../reads.ts'
import type { AcquireOptions } from './acquire-options.ts'
import type { AcquiredLock } from './acquired-lock.ts'
import type { CanDeploy, CanDeployOptions } from './can-deploy.ts'
import type {
  ChangedCondition,
  RevokeConditionOptions,
  SatisfiedCondition,
  SatisfyOptions,
} from './conditions.ts'
import type { AmendHoldOptions, ChangedHold, LiftHoldOptions, PlaceHoldOptions } from './holds.ts'
import type { ChangedLock, ForceReleaseOptions, RequestReleaseOptions } from './lock-changes.ts'
import type { ScopedListOptions } from './lock-reads.ts'
import type { Locks } from './locks.ts'
import type { ScopeInput } from './scope.ts'

// The contract of locks is 9,000 lines. A script that only reports a start must not pay for them.
const changes = () => import('./lock-changes.ts')
const conditions = () => import('./conditions.ts')
const holds = () => import('./holds.ts')
const reads = () => import('./lock-reads.ts')

/** What a client does about locks, holds and conditions: the part of {@link Holdfast} that is theirs. */
export abstract class LockingClient {
  readonly #connection: Connection
  readonly #owner: string
  #loading: Promise<Locks> | undefined
  #loaded: Locks | undefined

  /** @internal */
  protected constructor(connection: Connection, owner: string) {
    this.#connection = connection
    this.#owner = owner
  }

  /**
   * Acquires a lock on a scope, or on several together: all or nothing. It is kept by heartbeats, also while
   * the event loop is busy, until it is released or {@link close} is called.
   *
   * Requests are served first come, first served. With `waitMs` this one waits, and `onQueued` hears its place
   * and what is in the way; without, it is refused at once. A lock that is lost aborts `lock.signal` before
   * anybody else can be granted what it covers. For what a lease cannot promise, see docs/locks.md, and pass
   * `lock.fencingToken` to what you write.
   *
   * @throws LockHeldError, BlockedError, AcquireTimedOutError, whose text lists who or what is in the way, why,
   * since when and how it is lifted; RequestIdReusedError; UnavailableError, DeadlineExceededError when the
   * server does not answer within `waitMs` + `timeoutMs`: then nothing is held.
   * @example
   * await using lock = await holdfast.acquireLock('production/airship', { waitMs: 60_000, reason: 'deploy 42' })
   * await deploy({ signal: lock.signal, fence: lock.fence })
   */
  async acquireLock(
    scope: ScopeInput | readonly ScopeInput[],
    options?: AcquireOptions,
  ): Promise<AcquiredLock> {
    const locks = this.#loaded ?? (await this.#load())
    return await locks.acquire(scope, options)
  }

  /**
   * Waits until the server knows of all that was asked about locks, also that a request was given up by its signal, which
   * rejects before the server has heard of it. For a program that is about to end, and would leave a place in the line
   * behind for as long as its lease. Never rejects; is soon over when the server is out of reach.
   *
   * @param options.timeoutMs the longest that it takes. @defaultValue 5,000
   */
  async locksHeard({ timeoutMs = 5_000 }: { timeoutMs?: number } = {}): Promise<void> {
    await this.#loaded?.heard(timeoutMs)
  }

  /** As {@link acquireLock} without waiting; undefined when it is held. @throws BlockedError when it is on hold */
  async tryAcquireLock(
    scope: ScopeInput | readonly ScopeInput[],
    options?: Omit<AcquireOptions, 'waitMs' | 'onQueued'>,
  ): Promise<AcquiredLock | undefined> {
    return await (await this.#load()).tryAcquire(scope, options)
  }

  /**
   * Acquires a lock, does the work, and releases the lock after the work has settled, never before: also when it
   * is lost meanwhile, and the work is slow to heed the signal.
   *
   * @throws what the work throws; LockLostError when the lock was lost before the work was done; otherwise as
   * {@link acquireLock}.
   * @example
   * await holdfast.withLock('production/airship', { waitMs: 60_000 }, async (lock, signal) => {
   *   for (const machine of machines) {
   *     lock.assertHeld()
   *     await deployTo(machine, { signal })
   *   }
   * })
   */
  async withLock<T>(
    scope: ScopeInput | readonly ScopeInput[],
    options: AcquireOptions,
    work: (lock: AcquiredLock, signal: AbortSignal) => T | Promise<T>,
  ): Promise<T> {
    return await (await this.#load()).with(scope, options, work)
  }

  /** Reads one lock, ended ones included for as long as history is kept. @throws NotFoundError */
  async getLock(name: string, options: ReadOptions = {}): Promise<Lock> {
    return (await reads()).getLock(this.#connection, name, options)
  }

  /**
   * Lists locks that are held, waited for, or ended.
   *
   * @example
   * for await (const lock of holdfast.listLocks({ scope: 'production', filter: 'state = HELD' })) print(lock)
   */
  listLocks(options: ScopedListOptions = {}): Paginator<Lock> {
    return new Paginator(async (token) => (await reads()).pageOfLocks(this.#connection, options, token))
  }

  /**
   * Ends somebody else's lock: its holder is told who and why, and its token passes nowhere any more. Ask first,
   * with {@link requestRelease}: what the lock guards may still be at work.
   *
   * @throws StaleTokenError when it is not held under that token any more.
   * @example
   * await holdfast.forceReleaseLock(lock.name, { fencingToken: lock.fencingToken, reason: 'deploy-1 is gone' })
   */
  async forceReleaseLock(name: string, options: ForceReleaseOptions): Promise<ChangedLock> {
    return (await changes()).forceReleaseLock(this.#connection, name, options)
  }

  /** Asks the holder of a lock to let go: it is told who and why, and decides. @throws NotFoundError */
  async requestRelease(name: string, options: RequestReleaseOptions): Promise<ChangedLock> {
    return (await changes()).requestRelease(this.#connection, name, options)
  }

  /**
   * Says that a fence is that of a lock which is held now: for whoever guards a resource of their own.
   *
   * @param fence `lock.fence`, as a child process has it in `HOLDFAST_FENCE`
   * @throws StaleTokenError when it is not.
   */
  async verifyFence(fence: string, options: CallOptions = {}): Promise<Lock> {
    return (await reads()).verifyFence(this.#connection, fence, options)
  }

  /**
   * Says whether a deployment could begin now, and what is in the way. Takes nothing: to be sure, acquire.
   *
   * @example
   * const { allowed, blockers } = await holdfast.canDeploy({ service: 'airship', version: '20110502' })
   */
  async canDeploy(options: CanDeployOptions): Promise<CanDeploy> {
    const { canDeploy } = await import('./can-deploy.ts')
    return canDeploy(this.#connection, options)
  }

  /**
   * Puts up a hold: no lock that overlaps it is granted until it is lifted. What is held already stays.
   *
   * @throws InvalidRequestError when `when` is no CEL expression, saying where.
   * @example
   * await holdfast.placeHold('production/airship', {
   *   reason: 'needs migration 42',
   *   untilCondition: 'migration:airship/42',
   * })
   */
  async placeHold(scope: ScopeInput, options: PlaceHoldOptions): Promise<ChangedHold> {
    return (await holds()).placeHold(this.#connection, scope, options)
  }

  /** Changes why a hold stands, what lifts it, or whom it blocks. @throws NotFoundError, ConflictError */
  async amendHold(name: string, options: AmendHoldOptions): Promise<ChangedHold> {
    return (await holds()).amendHold(this.#connection, name, options)
  }

  /** Lifts a hold. Lifting a lifted one changes nothing. @throws NotFoundError, ConflictError */
  async liftHold(name: string, options: LiftHoldOptions = {}): Promise<ChangedHold> {
    return (await holds()).liftHold(this.#connection, name, options)
  }

  /** Reads one hold, lifted ones included for as long as history is kept. @throws NotFoundError */
  async getHold(name: string, options: ReadOptions = {}): Promise<Hold> {
    return (await holds()).getHold(this.#connection, name, options)
  }

  /** Lists holds; `filter: 'state = STANDING'` gives those that block. */
  listHolds(options: ScopedListOptions = {}): Paginator<Hold> {
    return new Paginator(async (token) => (await holds()).pageOfHolds(this.#connection, options, token))
  }

  /** Records that a condition is true, and lifts the holds that wait for it. Again: changes nothing. */
  async satisfy(condition: string, options: SatisfyOptions = {}): Promise<SatisfiedCondition> {
    return (await conditions()).satisfy(this.#connection, condition, options)
  }

  /** Records that a condition is no longer true. Requests that wait for a lock and require it are blocked. */
  async revokeCondition(condition: string, options: RevokeConditionOptions): Promise<ChangedCondition> {
    return (await conditions()).revokeCondition(this.#connection, condition, options)
  }

  /** Lists conditions, revoked ones included. */
  listConditions(options: ListOptions = {}): Paginator<Condition> {
    return new Paginator(async (token) =>
      (await conditions()).pageOfConditions(this.#connection, options, token),
    )
  }

  #load(): Promise<Locks> {
    this.#loading ??= import('./locks.ts').then(({ Locks }) => {
      this.#loaded = new Locks(this.#connection, this.#owner)
      return this.#loaded
    })
    return this.#loading
  }
}
