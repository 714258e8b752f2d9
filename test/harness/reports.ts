import { randomUUID } from 'node:crypto'
import { Event } from '../../proto/gen/holdfast/v1/event.ts'
import { type Alias, Alias_Kind } from '../../proto/gen/holdfast/v1/machine.ts'
import { decodeEvent, type IncomingEvent } from '../../server/src/domain/incoming-event.ts'
import { IngestBatch, type IngestResult } from '../../server/src/domain/ingest-batch.ts'
import { type Instant, timestampFromInstant } from '../../server/src/domain/instant.ts'
import { NOON, noon } from './memory-ledger.ts'

type DeepPartial<T> = T extends Date | Uint8Array | bigint
  ? T
  : T extends (infer U)[]
    ? DeepPartial<U>[]
    : T extends object
      ? { [K in keyof T]?: DeepPartial<T[K]> }
      : T

type Payload = NonNullable<Event['payload']>
export type Fields<Case extends Payload['$case']> = DeepPartial<Extract<Payload, { $case: Case }>['value']>

export interface ReportOptions {
  id?: string
  seq?: number | bigint
  /** When it occurred: seconds after NOON, or an instant. @defaultValue NOON */
  at?: number | Instant
}

/** An event of one type. `report('instanceStarted', { machine: at('web-0'), service: 'airship' })`. */
export function report<Case extends Payload['$case']>(
  $case: Case,
  value: Fields<Case>,
  { id = randomUUID(), seq = 0, at: when = NOON }: ReportOptions = {},
): Event {
  return Event.fromPartial({
    id,
    seq: BigInt(seq),
    occurredTime: timestampFromInstant(typeof when === 'bigint' ? when : noon(when)),
    payload: { $case, value } as NonNullable<Parameters<typeof Event.fromPartial>[0]['payload']>,
  })
}

/** A reference to a machine by id, and by aliases such as `{ MACHINE_ID: 'abc' }`. */
export const at = (
  id: string,
  aliases: { [Kind in keyof typeof Alias_Kind]?: string | string[] } = {},
): { id: string; aliases: Alias[] } => ({
  id,
  aliases: Object.entries(aliases).flatMap(([kind, values]) =>
    [values]
      .flat()
      .map((value) => ({ kind: Alias_Kind[kind as keyof typeof Alias_Kind], value: value as string })),
  ),
})

export const started = (machine: string, service: string, options?: ReportOptions) =>
  report('instanceStarted', { machine: at(machine), service }, options)

export const stopped = (machine: string, service: string, options?: ReportOptions) =>
  report('instanceStopped', { machine: at(machine), service }, options)

export const note = (text: string, options?: ReportOptions) => report('noteRecorded', { text }, options)

/** An event as the server reads it. */
export const sent = (event: Event): IncomingEvent => decodeEvent(Event.encode(event).finish())

/** The command that takes events, as the API makes it of a batch that came over the wire. */
export function batch(
  events: Event[],
  {
    source = 'test',
    epoch = 1,
    retentionDays = 400,
  }: { source?: string; epoch?: number; retentionDays?: number } = {},
): IngestBatch {
  const encoded = events.map((event) => Event.encode(event).finish())
  return new IngestBatch({
    source,
    epoch,
    events: encoded.map(decodeEvent),
    encoded,
    principal: 'tester',
    retentionDays,
  })
}

/** The reasons of what was refused, by its place in the batch. */
export const refusals = (result: IngestResult): Record<number, string> =>
  Object.fromEntries(result.refused.map(({ index, error }) => [index, error.reason]))
