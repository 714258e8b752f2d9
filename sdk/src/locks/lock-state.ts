/**
 * The states of a lock at its holder, and all that can happen in each.
 *
 * - `held`: the lease is being heard of. Leaves by `silence`, `lose`, `release`.
 * - `at-risk`: half the TTL went by without an acknowledged heartbeat; still held. Leaves by `beat`, `lose`,
 *   `release`.
 * - `lost`: final. The deadline passed, or the server said so; somebody else may hold it.
 * - `released`: final. The holder let go.
 *
 * What is lost stays lost, also when a late heartbeat revives the lease: its signal was aborted, and nobody
 * un-aborts.
 */
export type LockState = 'held' | 'at-risk' | 'lost' | 'released'

/** What happens to a lock at its holder. */
export type LockSignal = 'beat' | 'silence' | 'lose' | 'release'

const transitions: Record<LockState, Record<LockSignal, LockState>> = {
  held: { beat: 'held', silence: 'at-risk', lose: 'lost', release: 'released' },
  'at-risk': { beat: 'held', silence: 'at-risk', lose: 'lost', release: 'released' },
  lost: { beat: 'lost', silence: 'lost', lose: 'lost', release: 'lost' },
  released: { beat: 'released', silence: 'released', lose: 'released', release: 'released' },
}

/** The state after `signal`. */
export function nextLockState(state: LockState, signal: LockSignal): LockState {
  return transitions[state][signal]
}
