/**
 * The states of a watch, and all that can happen in each.
 *
 * - `connecting`: a stream is open and has said nothing. Leaves by any step, `drop`, `refuse`, `close`.
 * - `snapshot`: within a snapshot. Leaves by `snapshotEnd`, `drop`, `refuse`, `close`.
 * - `live`: changes and progress come. Leaves by `reset` (the server begins a new snapshot), `drop`, `refuse`,
 *   `close`.
 * - `waiting`: the stream is gone, and the next one waits its turn. Leaves by `retry`, `close`.
 * - `failed`: final. The server refused, or it broke the order that the contract promises.
 * - `closed`: final. The consumer left, the signal was aborted, or the client was closed.
 *
 * A step in a state where the contract does not allow it leads to `failed`: to go on would be to show a state
 * that never was.
 */
export type WatchState = 'connecting' | 'snapshot' | 'live' | 'waiting' | 'failed' | 'closed'

/**
 * What happens to a watch. `snapshot`, `snapshotEnd`, `changes` and `progress` are the server's steps, `reset`
 * its first part of a snapshot that replaces a lost position. `drop` is the end or the silence of a stream
 * that may be opened again, `refuse` an end that may not.
 */
export type WatchSignal =
  | 'snapshot'
  | 'reset'
  | 'snapshotEnd'
  | 'changes'
  | 'progress'
  | 'drop'
  | 'refuse'
  | 'retry'
  | 'close'

const transitions: Record<WatchState, Record<WatchSignal, WatchState>> = {
  connecting: {
    snapshot: 'snapshot',
    reset: 'snapshot',
    snapshotEnd: 'live',
    changes: 'live',
    progress: 'live',
    drop: 'waiting',
    refuse: 'failed',
    retry: 'connecting',
    close: 'closed',
  },
  snapshot: {
    snapshot: 'snapshot',
    reset: 'snapshot',
    snapshotEnd: 'live',
    changes: 'failed',
    // A snapshot of a large state may take longer than the 5 seconds between two proofs of life.
    progress: 'snapshot',
    drop: 'waiting',
    refuse: 'failed',
    retry: 'failed',
    close: 'closed',
  },
  live: {
    snapshot: 'failed',
    reset: 'snapshot',
    snapshotEnd: 'failed',
    changes: 'live',
    progress: 'live',
    drop: 'waiting',
    refuse: 'failed',
    retry: 'failed',
    close: 'closed',
  },
  waiting: {
    snapshot: 'failed',
    reset: 'failed',
    snapshotEnd: 'failed',
    changes: 'failed',
    progress: 'failed',
    drop: 'waiting',
    refuse: 'failed',
    retry: 'connecting',
    close: 'closed',
  },
  failed: {
    snapshot: 'failed',
    reset: 'failed',
    snapshotEnd: 'failed',
    changes: 'failed',
    progress: 'failed',
    drop: 'failed',
    refuse: 'failed',
    retry: 'failed',
    close: 'failed',
  },
  closed: {
    snapshot: 'closed',
    reset: 'closed',
    snapshotEnd: 'closed',
    changes: 'closed',
    progress: 'closed',
    drop: 'closed',
    refuse: 'closed',
    retry: 'closed',
    close: 'closed',
  },
}

/** The state after `signal`. */
export function nextWatchState(state: WatchState, signal: WatchSignal): WatchState {
  return transitions[state][signal]
}
