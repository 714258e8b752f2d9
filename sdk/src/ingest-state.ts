/**
 * The states of an ingest stream, and all that can happen in each.
 *
 * - `idle`: no call is open and nothing is unacknowledged. Leaves by `send`, `end`, `refuse`.
 * - `streaming`: a call is open. Leaves by `drop` (it ended, events are unacknowledged), `rest` (it ended, none
 *   are), `refuse`, `end`.
 * - `waiting`: no call is open, and the next one waits its turn; sends are gathered until there is no more
 *   room. Leaves by `retry`, `refuse`, `end`.
 * - `failed`: final. The server refused the stream as such; what is unacknowledged is given back as an error.
 * - `ended`: final. `close()` is done, well or out of time.
 *
 * A `close()` under way is no state of its own: it is a flush after which `end` comes, and may go through
 * `streaming` and `waiting` as often as it takes.
 */
export type IngestState = 'idle' | 'streaming' | 'waiting' | 'failed' | 'ended'

/** What happens to an ingest stream. */
export type IngestSignal = 'send' | 'drop' | 'rest' | 'retry' | 'refuse' | 'end'

const transitions: Record<IngestState, Record<IngestSignal, IngestState>> = {
  idle: { send: 'streaming', drop: 'idle', rest: 'idle', retry: 'idle', refuse: 'failed', end: 'ended' },
  streaming: {
    send: 'streaming',
    drop: 'waiting',
    rest: 'idle',
    retry: 'streaming',
    refuse: 'failed',
    end: 'ended',
  },
  waiting: {
    send: 'waiting',
    drop: 'waiting',
    rest: 'waiting',
    retry: 'streaming',
    refuse: 'failed',
    end: 'ended',
  },
  failed: {
    send: 'failed',
    drop: 'failed',
    rest: 'failed',
    retry: 'failed',
    refuse: 'failed',
    end: 'failed',
  },
  ended: { send: 'ended', drop: 'ended', rest: 'ended', retry: 'ended', refuse: 'ended', end: 'ended' },
}

/** The state after `signal`. */
export function nextIngestState(state: IngestState, signal: IngestSignal): IngestState {
  return transitions[state][signal]
}
