import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { CallOptions } from '../connect-options.ts'
import type { Connection } from '../connection.ts'
import { ClientClosedError } from '../errors.ts'
import { abortable } from '../pause.ts'
import type { AcquireOptions } from './acquire-options.ts'
import type { AcquiredLock, Releaser } from './acquired-lock.ts'
import { Acquisition } from './acquisition.ts'
import { Heartbeats } from './heartbeats.ts'
import { causeOf, Lease, type LeaseListener, leaseOverStatus } from './lease.ts'
import { LeaseExpiredError, LockHeldError, type Loss } from './lock-errors.ts'
import { getLock } from './lock-reads.ts'
import type { ScopeInput } from './scope.ts'
import { Session } from './session.ts'
import { type Outcome, releaseCall, SessionCall } from './session-call.ts'

type Scopes = ScopeInput | readonly ScopeInput[]

const defaultTtlMs = 30_000
/** How long after the last lock the leases and the stream are kept. */
const idleMs = 2000
const reasonMs = 3000
/** Between a lease that was lost and the next one. */
const againMs = 250

/**
 * The locks of a client: one session, one thread of heartbeats, one lease for each TTL, opened when they are
 * first needed and given up when no lock was held for 2 s, so that a program that forgets to close ends.
 */
export class Locks implements Releaser, LeaseListener {
  readonly #connection: Connection
  readonly #owner: string
  readonly #session: Session
  readonly #heartbeats: Heartbeats
  readonly #leases = new Map<number, Lease>()
  /** The latest that any server was in. */
  #ledgerEpoch = 0n
  #busy = 0
  #idleSinceMs = 0
  #idle: NodeJS.Timeout | undefined

  /** @param owner what the client calls itself, for whoever is blocked */
  constructor(connection: Connection, owner: string) {
    this.#connection = connection
    this.#owner = owner
    this.#session = new Session(connection, (lock) => this.#changed(lock))
    this.#heartbeats = new Heartbeats(connection, {
      beaten: (name) => this.#find(name)?.heard(),
      dead: (name, { reason, text }) => this.#find(name)?.end({ cause: causeOf(reason), endReason: text }),
    })
    connection.onClose(() => this.#close())
  }

  heard(timeoutMs: number): Promise<void> {
    return this.#session.heard(timeoutMs)
  }

  /** Throws, or rejects. */
  acquire(scope: Scopes, options: AcquireOptions = {}): Promise<AcquiredLock> {
    return options.waitMs
      ? this.#acquireInTime(scope, options, options.waitMs)
      : this.#acquire(scope, options)
  }

  /** Who waits holds nothing: when the lease is lost meanwhile, it waits on under the next one. */
  async #acquireInTime(scope: Scopes, options: AcquireOptions, waitMs: number): Promise<AcquiredLock> {
    const endMs = performance.now() + waitMs
    let leftMs = waitMs
    for (;;) {
      try {
        return await this.#acquire(scope, { ...options, waitMs: leftMs })
      } catch (error) {
        if (!(error instanceof LeaseExpiredError)) throw error
        await this.#connection.rest(againMs, options.signal)
        // After a long stop of this process there may be nothing left.
        leftMs = Math.ceil(endMs - performance.now())
        if (leftMs <= 0) throw error
      }
    }
  }

  #acquire(scope: Scopes, options: AcquireOptions): Promise<AcquiredLock> {
    const { signal, timeoutMs = this.#connection.timeoutMs } = options
    signal?.throwIfAborted()
    if (this.#connection.closed) throw new ClientClosedError()
    this.#busy++
    try {
      const lease = this.#lease(options.ttlMs ?? defaultTtlMs, timeoutMs)
      const acquisition = new Acquisition(scope, options, { session: this.#session, releaser: this, lease })
      return lease.isOpen ? acquisition.run(timeoutMs) : this.#onceOpen(acquisition, lease, options)
    } catch (error) {
      this.#rest()
      throw error
    }
  }

  async tryAcquire(scope: Scopes, options: AcquireOptions = {}): Promise<AcquiredLock | undefined> {
    try {
      return await this.acquire(scope, { ...options, waitMs: 0 })
    } catch (error) {
      if (error instanceof LockHeldError) return undefined
      throw error
    }
  }

  async with<T>(
    scope: Scopes,
    options: AcquireOptions,
    work: (lock: AcquiredLock, signal: AbortSignal) => T | Promise<T>,
  ): Promise<T> {
    const lock = await this.acquire(scope, options)
    let result: T
    try {
      result = await work(lock, lock.signal)
      // What was made without the lock must not pass for what was made under it.
      lock.assertHeld()
    } catch (error) {
      await lock.release().catch(() => {})
      throw error
    }
    await lock.release()
    return result
  }

  release(lock: AcquiredLock, options: CallOptions): Promise<void> {
    const { signal, timeoutMs = this.#connection.timeoutMs } = options
    const released = new Promise<void>((resolve, reject) => {
      const settled = (outcome: Outcome): void => {
        const error = outcome.ok ? undefined : this.#session.errorOf(outcome.status)
        // When the lease is over, so is the lock, and it was held until the release.
        if (error === undefined || error instanceof LeaseExpiredError) resolve()
        else reject(error)
      }
      const asked = releaseCall(lock.name, lock.fencingToken)
      this.#session.send(new SessionCall(asked, performance.now() + timeoutMs, { settled }, lock.lease))
    })
    return signal ? abortable(released, signal) : released
  }

  disown(lock: AcquiredLock): void {
    if (this.#connection.closed) return
    const deadlineMs = performance.now() + this.#connection.timeoutMs
    const asked = releaseCall(lock.name, lock.fencingToken)
    // The session has detached the lease by now: nobody else names it.
    asked.value.lease = lock.lease.name
    asked.value.leaseSecret = lock.lease.secret
    this.#session.send(new SessionCall(asked, deadlineMs, { settled: () => {} }))
  }

  refused(): void {
    this.#rest()
  }

  ended(lock: AcquiredLock): void {
    lock.lease.locks.delete(lock.name)
    this.#rest()
  }

  opened(lease: Lease): void {
    this.#heartbeats.add(lease.beaten)
  }

  entered(ledgerEpoch: bigint): boolean {
    if (ledgerEpoch < this.#ledgerEpoch) return false
    this.#ledgerEpoch = ledgerEpoch
    return true
  }

  over(lease: Lease, loss: Loss): void {
    if (this.#leases.get(lease.ttlMs) === lease) this.#leases.delete(lease.ttlMs)
    this.#heartbeats.remove(lease.name)
    this.#session.detach(lease, leaseOverStatus(loss))
  }

  /** The server does not have it any more, and told nobody: asks why, but not for long. */
  missing(lock: AcquiredLock): void {
    getLock(this.#connection, lock.name, { timeoutMs: reasonMs }).then(
      (message) => lock.update(message),
      () => lock.lose({ cause: 'expired' }),
    )
  }

  async #onceOpen(
    acquisition: Acquisition,
    lease: Lease,
    { signal, timeoutMs = this.#connection.timeoutMs }: AcquireOptions,
  ): Promise<AcquiredLock> {
    try {
      await abortable(lease.opened, signal)
      if (lease.isOver) {
        const how = { code: 'NOT_FOUND', reason: 'LEASE_EXPIRED' } as const
        throw new LeaseExpiredError('the lease was over before it was used', how)
      }
    } catch (error) {
      this.#rest()
      throw error
    }
    return await acquisition.run(timeoutMs)
  }

  #lease(ttlMs: number, timeoutMs: number): Lease {
    const standing = this.#leases.get(ttlMs)
    standing?.check()
    if (standing && !standing.isOver) return standing
    const lease = new Lease({ ttlMs, owner: this.#owner, timeoutMs }, this, ({ status }) =>
      this.#session.errorOf(status),
    )
    // While the lease is being opened: the thread takes longer than that.
    this.#heartbeats.start()
    this.#session.attach(lease)
    this.#leases.set(ttlMs, lease)
    return lease
  }

  #find(name: string): Lease | undefined {
    for (const lease of this.#leases.values()) if (lease.name === name) return lease
    return undefined
  }

  #changed(message: Lock): void {
    for (const lease of this.#leases.values()) lease.locks.get(message.name)?.update(message)
  }

  /** A lock or a request ended. */
  #rest(): void {
    if (--this.#busy > 0) return
    this.#idleSinceMs = performance.now()
    this.#idle ??= setTimeout(() => this.#sleep(), idleMs).unref()
  }

  #sleep(): void {
    this.#idle = undefined
    const leftMs = this.#idleSinceMs + idleMs - performance.now()
    if (this.#busy > 0 || this.#connection.closed) return
    if (leftMs > 0 || this.#session.unsettled > 0) {
      this.#idle = setTimeout(() => this.#sleep(), Math.max(leftMs, 100)).unref()
      return
    }
    this.#revokeAll()
  }

  /** Gives the leases up; the stream ends after that. */
  #revokeAll(): void {
    const deadlineMs = performance.now() + this.#connection.timeoutMs
    const settled = (): void => this.#session.rest()
    for (const lease of [...this.#leases.values()]) {
      lease.end({ cause: 'revoked' })
      const asked = {
        $case: 'revokeLease',
        value: { lease: lease.name, leaseSecret: lease.secret },
      } as const
      // After this call counts as settled.
      this.#session.send(new SessionCall(asked, deadlineMs, { settled: () => setImmediate(settled) }))
    }
  }

  #close(): void {
    clearTimeout(this.#idle)
    this.#revokeAll()
    this.#session.end()
    this.#heartbeats.close()
  }
}
