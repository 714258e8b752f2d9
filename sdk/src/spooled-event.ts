// For the agent's spool: an event as bytes that can be kept. Loads neither gRPC nor the client.
import { Event } from '../../proto/gen/holdfast/v1/event.ts'
import type { OutgoingEvent } from './event-options.ts'
import { dateFromTimestamp, timestampFromDate } from './revision.ts'
import { uuidV7 } from './uuid.ts'

export { event } from './event.ts'

/** The event with its blanks filled in, as the protocol's bytes. It has no number yet. */
export function encodeEvent(outgoing: OutgoingEvent): { id: string; bytes: Uint8Array } {
  const { payload, id = uuidV7(), occurredAt = new Date() } = outgoing
  const bytes = Event.encode({ id, seq: 0n, occurredTime: timestampFromDate(occurredAt), payload }).finish()
  return { id, bytes }
}

/** The event again. Throws for bytes that are none. */
export function decodeEvent(bytes: Uint8Array): OutgoingEvent {
  const { id, occurredTime, payload } = Event.decode(bytes)
  if (payload === undefined || occurredTime === undefined) throw new RangeError('the bytes are no event')
  return { id, payload, occurredAt: dateFromTimestamp(occurredTime) }
}
