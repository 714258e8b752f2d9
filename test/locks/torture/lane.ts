import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { Run_State } from '../../../proto/gen/holdfast/v1/run.ts'
import type { AcquiredLock, Holdfast, RunHandle, TargetOutcome } from '../../../sdk/src/index.ts'
import type { Random } from './random.ts'
import type { FenceOutcome, Told } from './told.ts'
import { briefWish, longWish, type Wish } from './wishes.ts'

export interface LaneOptions {
  holdfast: Holdfast
  random: Random
  /** Says whether a token is good, and gives the revision at which it was. */
  verify: (lock: AcquiredLock) => Promise<bigint>
  tell: (told: Told) => void
  /** Counts the times at which the process found that it had stood still. */
  standstills: () => number
  isOver: () => boolean
}

const now = (): bigint => process.hrtime.bigint()

/**
 * Acquires one lock after the other and works under it, as a seed says. After every moment that leaves it in doubt
 * whether it still holds (the process stood still, the lock was lost, it let go) it tries its token all the same.
 */
export class Lane {
  readonly #options: LaneOptions
  readonly #isLong: boolean

  constructor(options: LaneOptions, kind: 'brief' | 'long') {
    this.#options = options
    this.#isLong = kind === 'long'
  }

  async run(): Promise<void> {
    const { random, isOver } = this.#options
    while (!isOver()) {
      const wish = this.#isLong ? longWish(random) : briefWish(random)
      wish.options.requestId = randomUUID()
      const lock = await this.#acquire(wish)
      if (lock !== undefined) await this.#under(lock, wish)
    }
  }

  async #acquire({ scopes, options }: Wish): Promise<AcquiredLock | undefined> {
    const { holdfast, tell, random } = this.#options
    try {
      const lock = await holdfast.acquireLock(scopes, options)
      const { name, fencingToken: token, ledgerEpoch: epoch } = lock
      tell({ what: 'granted', lock: name, token, epoch, scopes: lock.scopes, atNs: now() })
      return lock
    } catch (error) {
      tell({ what: 'refused', reason: reasonOf(error), atNs: now() })
      await pause(random.between(5, 50))
      return undefined
    }
  }

  async #under(lock: AcquiredLock, wish: Wish): Promise<void> {
    const { random, tell } = this.#options
    const onLoss = (): void => {
      const { lossCause: cause } = lock.signal.reason
      tell({ what: 'lost', lock: lock.name, cause, atNs: now() })
    }
    lock.signal.addEventListener('abort', onLoss, { once: true })
    if (random.chance(0.03)) await this.#replay(lock, wish)
    if (this.#isLong) await this.#workLong(lock)
    else await this.#workBriefly(lock)
    if (lock.signal.aborted) {
      await this.#doubt(lock)
      await lock.release().catch(() => {})
      return
    }
    try {
      await lock.release()
      tell({ what: 'released', lock: lock.name, atNs: now() })
      if (random.chance(0.02)) await this.#doubt(lock)
    } catch {
      await this.#doubt(lock)
    }
  }

  async #workBriefly(lock: AcquiredLock): Promise<void> {
    const { random } = this.#options
    this.#hold(lock)
    if (random.chance(0.3)) await this.#pause(lock, random.between(0, 15))
    if (random.chance(0.05)) await this.#tryFence(lock, 'verify')
    if (random.chance(0.03)) await this.#tryFence(lock, 'write')
    this.#hold(lock)
  }

  /** A run under the lock that tells of one machine after the other, until it is through or the lock is lost. */
  async #workLong(lock: AcquiredLock): Promise<void> {
    const { random } = this.#options
    let run: RunHandle | undefined
    await this.#use(lock, 'write', async () => {
      run = await this.#startRun(lock)
      return revisionOf(run)
    })
    for (let left = random.between(5, 25); left > 0 && !lock.signal.aborted; left--) {
      await this.#pause(lock, random.between(10, 60))
      if (run === undefined || !random.chance(0.3)) continue
      await this.#write(lock, run, random.of(['pending', 'succeeded', 'failed'] as const))
    }
    if (run !== undefined) await this.#write(lock, run, 'finished')
  }

  #write(lock: AcquiredLock, run: RunHandle, what: TargetOutcome | 'finished'): Promise<void> {
    return this.#use(lock, 'write', async () => {
      if (what === 'finished') await run.finish('succeeded')
      else await run.target('web-0', what)
      return revisionOf(run)
    })
  }

  /** Says that it holds the lock, if it takes itself for the holder. */
  #hold(lock: AcquiredLock): boolean {
    const atNs = now()
    try {
      lock.assertHeld()
    } catch {
      return false
    }
    this.#options.tell({ what: 'held', lock: lock.name, atNs })
    return true
  }

  async #pause(lock: AcquiredLock, ms: number): Promise<void> {
    const before = this.#options.standstills()
    await pause(ms)
    const isHeld = this.#hold(lock)
    if (!isHeld || this.#options.standstills() !== before) await this.#doubt(lock)
  }

  async #doubt(lock: AcquiredLock): Promise<void> {
    await Promise.all([this.#tryFence(lock, 'verify'), this.#tryFence(lock, 'write')])
  }

  async #replay(lock: AcquiredLock, { scopes, options }: Wish): Promise<void> {
    try {
      const again = await this.#options.holdfast.acquireLock(scopes, options)
      if (again !== lock && lock.signal.aborted) {
        // The lease was lost meanwhile, and under the next one it is another request.
        await again.release()
        return
      }
      const answered = { again: again.name, againToken: again.fencingToken, atNs: now() }
      const { name, fencingToken: token } = lock
      this.#options.tell({ what: 'replayed', lock: name, token, ...answered })
    } catch {
      // It ended meanwhile, or nobody answered.
    }
  }

  #tryFence(lock: AcquiredLock, by: 'verify' | 'write'): Promise<void> {
    return this.#use(lock, by, async () => {
      if (by === 'verify') return await this.#options.verify(lock)
      const run = await this.#startRun(lock)
      // Its end may be refused when the lock ends first: it is abandoned then.
      await run.finish('succeeded').catch(() => {})
      return revisionOf(run)
    })
  }

  #startRun({ name, fencingToken }: AcquiredLock): Promise<RunHandle> {
    const about = { kind: 'task', title: 'torture', machines: ['web-0'], timeoutMs: 2000 } as const
    return this.#options.holdfast.startRun({ ...about, lock: { name, fencingToken } })
  }

  async #use(lock: AcquiredLock, by: 'verify' | 'write', act: () => Promise<bigint>): Promise<void> {
    const { name, fencingToken: token } = lock
    const outcome: FenceOutcome = await act().then(
      (passed) => ({ passed }),
      (error: unknown) => (reasonOf(error) === 'STALE_TOKEN' ? 'refused' : 'unanswered'),
    )
    this.#options.tell({ what: 'fence', lock: name, token, by, outcome, atNs: now() })
  }
}

/** The revision of its last change. One that was abandoned by the time of an answer does not say when it was written. */
function revisionOf({ state }: RunHandle): bigint {
  if (state.state === Run_State.ABANDONED) throw new Error('abandoned by now')
  return state.revision
}

function reasonOf(error: unknown): string {
  const { reason } = error as { reason?: unknown }
  return typeof reason === 'string' && reason !== '' ? reason : String(error)
}
