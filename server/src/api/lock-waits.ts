import { setTimeout as pause } from 'node:timers/promises'
import { type Blocker, type Lock, Lock_EndCause, Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import { HoldfastError } from '../domain/error.ts'
import { AcquireLock, type Acquisition, DescribeLocks, type Standing } from '../domain/locks/acquire-lock.ts'
import { lostLock } from '../domain/locks/end-due.ts'
import { leaseExpired } from '../domain/locks/lease.ts'
import { blockedError } from '../domain/locks/lock-error.ts'
import { staleToken } from '../domain/locks/release-lock.ts'
import { scopesText } from '../domain/locks/scope.ts'
import { idOf } from '../domain/resource-name.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { getResource } from '../store/get-resource.ts'
import { resolveReadPoint } from '../store/read-point.ts'
import type { Store } from '../store/store.ts'

/** How often those who wait are told of a new place at the most; at the least, when there are many. */
const PLACES_EVERY_MS = 250
const PLACES_SELDOM_MS = 5000
const MANY_WAITS = 200
/** Places told of at once: nobody else's request waits for longer than that takes. */
const PLACES_AT_ONCE = 100

const READ_AGAIN_MS = 250

interface Wait {
  wanted: Acquisition
  standing: Standing
  onQueued: (standing: Standing) => void
}

/** The requests of this server's clients that wait: told of the grant or the end, and of their place until then. */
export class LockWaits {
  readonly #ledger: Ledger
  readonly #store: Store
  readonly #waits = new Map<string, Set<Wait>>()
  #version = 0
  #timer: NodeJS.Timeout | undefined

  constructor(ledger: Ledger, store: Store) {
    this.#ledger = ledger
    this.#store = store
  }

  /**
   * Waits until a lock that waits is granted. Rejects with how it ended instead, or with the signal's reason, and then
   * the request goes on waiting.
   */
  granted(
    wait: { wanted: Acquisition; standing: Standing; onQueued: (standing: Standing) => void },
    signal: AbortSignal,
  ): Promise<Lock> {
    const { name } = wait.standing.lock!
    return new Promise<Lock>((resolve, reject) => {
      const end = () => {
        stopListening()
        signal.removeEventListener('abort', aborted)
        this.#remove(name, wait)
      }
      const aborted = () => {
        end()
        reject(signal.reason)
      }
      const failed = (error: unknown) => {
        end()
        reject(error)
      }
      // The request went with the revisions that the database lost: it is made again.
      const forgotten = () => {
        end()
        this.#again(wait, signal).then(resolve, reject)
      }
      const settle = (lock: Lock) => {
        if (lock.state === Lock_State.WAITING) return
        end()
        if (lock.state === Lock_State.HELD) resolve(lock)
        else this.#endOf(lock, wait).then(reject, reject)
      }
      const stopListening = this.#ledger.lockSignals.listen(wait.standing.lock!, {
        changed: settle,
        gap: () =>
          void this.read(name).then((lock) => (lock === undefined ? forgotten() : settle(lock)), failed),
      })
      if (signal.aborted) return aborted()
      signal.addEventListener('abort', aborted, { once: true })
      this.#add(name, wait)
      // A retry of a request that has come to its end.
      settle(wait.standing.lock!)
    })
  }

  #add(name: string, wait: Wait): void {
    // Those who wait already may not know of what has changed since they were told.
    if (this.#waits.size === 0) this.#version = this.#ledger.lockSignals.version
    const waits = this.#waits.get(name)
    if (waits === undefined) this.#waits.set(name, new Set([wait]))
    else waits.add(wait)
    this.#schedule()
  }

  #remove(name: string, wait: Wait): void {
    const waits = this.#waits.get(name)
    if (waits?.delete(wait) && waits.size === 0) this.#waits.delete(name)
  }

  /** Of a thousand that wait each has the others before it: what tells them must not be all that the server does. */
  get #restMs(): number {
    return Math.min(Math.max(1, this.#waits.size / MANY_WAITS) * PLACES_EVERY_MS, PLACES_SELDOM_MS)
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#waits.size === 0) return
    this.#timer = setTimeout(async () => {
      try {
        await this.#tellPlaces()
      } finally {
        this.#timer = undefined
        this.#schedule()
      }
    }, this.#restMs)
    this.#timer.unref()
  }

  async #tellPlaces(): Promise<void> {
    const { version } = this.#ledger.lockSignals
    if (version === this.#version) return
    this.#version = version
    const names = [...this.#waits.keys()]
    for (let at = 0; at < names.length; at += PLACES_AT_ONCE)
      await this.#tell(names.slice(at, at + PLACES_AT_ONCE))
  }

  async #tell(names: readonly string[]): Promise<void> {
    const standings = await this.#ledger.submit(new DescribeLocks(names)).catch(() => [])
    for (const standing of standings) {
      if (standing.lock!.state !== Lock_State.WAITING) continue
      for (const wait of this.#waits.get(standing.lock!.name) ?? []) {
        if (looksAlike(wait.standing, standing)) continue
        wait.standing = standing
        wait.onQueued(standing)
      }
    }
  }

  /** How a lock that was granted stands by now. One that the database has lost ended with its epoch. Never rejects. */
  async readOrEnded(name: string): Promise<Lock> {
    for (;;) {
      try {
        return (await this.read(name)) ?? lostLock(name)
      } catch {
        await pause(READ_AGAIN_MS, undefined, { ref: false })
      }
    }
  }

  /** How a lock stands by now; undefined when it was never asked for in this history. */
  async read(name: string): Promise<Lock | undefined> {
    const at = await resolveReadPoint(this.#store, { readTime: undefined, revision: 0n })
    return getResource(this.#store, { kind: 'lock', name, at })
  }

  async #again(wait: Wait, signal: AbortSignal): Promise<Lock> {
    const standing = await this.#ledger.submit(new AcquireLock(wait.wanted), signal)
    if (standing.granted) return standing.lock!
    wait.onQueued(standing)
    return this.granted({ ...wait, standing }, signal)
  }

  /** Why a request that waited came to nothing. */
  async #endOf(lock: Lock, { wanted, standing }: Wait): Promise<HoldfastError> {
    const what = scopesText(lock.scopes)
    switch (lock.endCause) {
      case Lock_EndCause.WAIT_TIMED_OUT:
        return blockedError(
          'ACQUIRE_TIMED_OUT',
          `${what} was not free within ${wanted.waitMs / 1000} s`,
          standing,
        )
      case Lock_EndCause.BLOCKED: {
        // What blocks it, in full: the same question again, without taking anything.
        const asked = this.#ledger.submit(new AcquireLock({ ...wanted, lease: undefined }))
        const refusal = await asked.then(() => undefined).catch((error: unknown) => error)
        if (refusal instanceof HoldfastError && refusal.reason === 'BLOCKED') return refusal
        return new HoldfastError(
          'BLOCKED',
          `${what} was blocked by ${lock.endedBy}: ${lock.endReason}; try again`,
        )
      }
      case Lock_EndCause.LEASE_EXPIRED:
      case Lock_EndCause.LEASE_REVOKED:
        return leaseExpired(idOf(lock.lease))
      default:
        return staleToken(lock, 0n)
    }
  }
}

function looksAlike(a: Standing, b: Standing): boolean {
  const named = ({ blockers }: Standing): string =>
    blockers.map(({ resource }: Blocker) => resource).join(' ')
  return a.place === b.place && named(a) === named(b)
}
