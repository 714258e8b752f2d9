/**
 * The states of a connection, and all that can happen in each.
 *
 * - `idle`: nothing dialled yet, or the channel went to rest. Leaves by `dial`, `connect`, `fail`, `close`.
 * - `connecting`: a dial is under way. Leaves by `connect`, `fail`, `rest`, `close`.
 * - `ready`: calls go out at once. Leaves by `rest` (the server went, or asked to go), `dial`, `fail`, `close`.
 * - `unreachable`: the last dial failed and the next one waits. Calls fail at once with UNAVAILABLE. Leaves by
 *   `dial`, `connect`, `rest`, `close`.
 * - `closed`: final.
 */
export type ConnectionState = 'idle' | 'connecting' | 'ready' | 'unreachable' | 'closed'

/** What happens to a connection. */
export type ConnectionSignal = 'dial' | 'connect' | 'fail' | 'rest' | 'close'

const transitions: Record<ConnectionState, Record<ConnectionSignal, ConnectionState>> = {
  idle: { dial: 'connecting', connect: 'ready', fail: 'unreachable', rest: 'idle', close: 'closed' },
  connecting: { dial: 'connecting', connect: 'ready', fail: 'unreachable', rest: 'idle', close: 'closed' },
  ready: { dial: 'connecting', connect: 'ready', fail: 'unreachable', rest: 'idle', close: 'closed' },
  unreachable: { dial: 'connecting', connect: 'ready', fail: 'unreachable', rest: 'idle', close: 'closed' },
  closed: { dial: 'closed', connect: 'closed', fail: 'closed', rest: 'closed', close: 'closed' },
}

/** The state after `signal`. */
export function nextConnectionState(state: ConnectionState, signal: ConnectionSignal): ConnectionState {
  return transitions[state][signal]
}
