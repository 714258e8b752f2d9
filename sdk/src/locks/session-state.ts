/**
 * The states of a session, and all that can happen in each.
 *
 * - `idle`: no stream is open, and there is nothing to say or to hear. Leaves by `call`, `end`.
 * - `streaming`: a stream is open, or being opened. Leaves by `drop` (it ended), `rest` (it ended, and nothing
 *   needs another), `end`.
 * - `waiting`: no stream is open, and the next one waits its turn; calls are gathered. Leaves by `retry`, `rest`,
 *   `end`.
 * - `ended`: final.
 */
export type SessionState = 'idle' | 'streaming' | 'waiting' | 'ended'

/** What happens to a session. */
export type SessionSignal = 'call' | 'drop' | 'rest' | 'retry' | 'end'

const transitions: Record<SessionState, Record<SessionSignal, SessionState>> = {
  idle: { call: 'streaming', drop: 'idle', rest: 'idle', retry: 'idle', end: 'ended' },
  streaming: { call: 'streaming', drop: 'waiting', rest: 'idle', retry: 'streaming', end: 'ended' },
  waiting: { call: 'waiting', drop: 'waiting', rest: 'idle', retry: 'streaming', end: 'ended' },
  ended: { call: 'ended', drop: 'ended', rest: 'ended', retry: 'ended', end: 'ended' },
}

/** The state after `signal`. */
export function nextSessionState(state: SessionState, signal: SessionSignal): SessionState {
  return transitions[state][signal]
}
