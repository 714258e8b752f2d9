import { BinaryReader } from '@bufbuild/protobuf/wire'
import {
  type PackedMachineObserved,
  PackedObservation,
} from '../../../proto/gen/holdfast/internal/v1/packed.ts'
import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import { encode } from '../../../runtime/encode.ts'
import { EventType } from './event-type.ts'

type Payload = NonNullable<Event['payload']>

/** An event as the ledger takes it: the attributes of an observation stay packed. */
export type IncomingEvent = Omit<Event, 'payload'> & {
  payload?:
    | Exclude<Payload, { $case: 'machineObserved' }>
    | { $case: 'machineObserved'; value: PackedMachineObserved }
    | undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A reader that refuses text that is not UTF-8, as protobuf demands. What is stored as it came is given out as
 * it came, and readers in other languages would stumble over it.
 */
export const strictReader = (bytes: Uint8Array): BinaryReader =>
  new BinaryReader(bytes, (text) => utf8.decode(text))

/** Reads an event. Throws for bytes that are none, or that hold two payloads. */
export function decodeEvent(bytes: Uint8Array): IncomingEvent {
  const reader = strictReader(bytes)
  if (payloadField(bytes) !== EventType.machineObserved) return Event.decode(reader) as IncomingEvent
  const { machineObserved, ...event } = PackedObservation.decode(reader)
  return { ...event, payload: { $case: 'machineObserved', value: machineObserved! } }
}

export function encodeEvent(event: IncomingEvent): Buffer {
  const { payload, ...rest } = event
  return payload?.$case === 'machineObserved'
    ? encode(PackedObservation, { ...rest, machineObserved: payload.value })
    : encode(Event, event as Event)
}

/** The number of the payload's field; 0 when there is none. */
function payloadField(bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes)
  let found = 0
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag()
    if (field >= EventType.machineObserved) {
      if (found === EventType.machineObserved || (found !== 0 && field === EventType.machineObserved)) {
        throw new RangeError('an event has more than one payload')
      }
      found = field
    }
    reader.skip(wireType, field)
  }
  return found
}

/** About how many rows an event changes. */
export const rowsOf = ({ payload }: IncomingEvent): number =>
  payload?.$case === 'deploymentRecorded' ? Math.max(1, payload.value.machines.length) : 1
