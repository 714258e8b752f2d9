import type { Run } from '../../../../proto/gen/holdfast/v1/run.ts'
import { HoldfastError } from '../error.ts'
import { requireFence } from '../locks/release-lock.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'

/** Who tells of a run. */
export interface Teller {
  principal: string
  /** The token that they hold. 0, or none: that of the run. */
  fencingToken?: bigint
}

/** How many runs go on under one lock at the most. */
const MAX_RUNS = 100

/**
 * The lock that a run goes on under, which is held; undefined for a run under none. Throws STALE_TOKEN once it has
 * ended, and for the token of another.
 */
export function requireRunFence(
  state: WorkingSet,
  run: Run,
  { fencingToken: token = 0n }: Teller,
): Row<'lock'> | undefined {
  const { name, lock, fencingToken } = run
  if (token !== 0n && token !== fencingToken) {
    const under = lock === '' ? 'under no lock' : `under token ${fencingToken} of ${lock}`
    throw new HoldfastError(
      'STALE_TOKEN',
      `token ${token} is not good for ${name}, which was started ${under}; only who started it may tell of it`,
      { metadata: { resource: name, lock, fencingToken: String(token) } },
    )
  }
  return lock === '' ? undefined : requireFence(state, { name: lock, fencingToken })
}

/** A run goes on under a lock from now on. Within `revise`. */
export function joinLock(state: WorkingSet, { resource: lock }: Row<'lock'>, run: string): void {
  if (lock.runs.length >= MAX_RUNS) {
    throw new HoldfastError(
      'QUOTA_EXCEEDED',
      `${MAX_RUNS} runs go on under ${lock.name}; finish one before another is started`,
      { metadata: { lock: lock.name }, retryAfterMs: 1000 },
    )
  }
  state.put('lock', { ...lock, runs: [...lock.runs, run] })
}

/** A run has ended, and the lock forgets it. Within `revise`. */
export function leaveLock(state: WorkingSet, { resource: lock }: Row<'lock'>, run: string): void {
  state.put('lock', { ...lock, runs: lock.runs.filter((name) => name !== run) })
}
