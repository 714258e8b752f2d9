import type { Instant } from '../domain/instant.ts'
import type { EventRecord } from '../domain/rows.ts'
import { byteaArray, int2Array, int8Array, textArray, timestamptzArray, uuidArray } from './binary-array.ts'
import type { Part } from './one-statement.ts'
import { fromMicros } from './pg-types.ts'

/** Stores events of one month. None of them is stored yet: the batch looked, under the ledger's lock. */
export function insertEvents(partition: string, events: EventRecord[], now: Instant): Part {
  return {
    name: `save-${partition}`,
    text: `insert into ${partition} (occurred_at, recorded_at, source_id, id, epoch, seq, type, effect, machine_id, service_id, environment, principal, revision, body, author)
      select o, (select ${fromMicros('$13')}), s, i, e, q, t, f, m, v, n, p, r, b, a
      from unnest($1::timestamptz[], $2::int8[], $3::uuid[], $4::int8[], $5::int8[], $6::int2[], $7::int2[], $8::int8[], $9::int8[], $10::text[], $11::text[], $12::int8[], $14::bytea[], $15::text[])
        u(o, s, i, e, q, t, f, m, v, n, p, r, b, a)`,
    values: [
      timestamptzArray(events.map((event) => event.occurredAt)),
      int8Array(events.map((event) => event.sourceId)),
      uuidArray(events.map((event) => event.id)),
      int8Array(events.map((event) => event.epoch)),
      int8Array(events.map((event) => event.seq)),
      int2Array(events.map((event) => event.type)),
      int2Array(events.map((event) => event.effect)),
      int8Array(events.map((event) => event.machineId)),
      int8Array(events.map((event) => event.serviceId)),
      textArray(events.map((event) => event.environment)),
      textArray(events.map((event) => event.principal)),
      int8Array(events.map((event) => event.revision)),
      now,
      byteaArray(events.map((event) => event.body)),
      textArray(events.map((event) => event.author ?? null)),
    ],
  }
}

/** The machines of events about several, for their timelines. */
export function insertTargets(targets: { machineId: bigint; event: EventRecord }[]): Part {
  return {
    name: 'save-targets',
    text: `insert into event_target (machine_id, occurred_at, source_id, event_id)
      select * from unnest($1::int8[], $2::timestamptz[], $3::int8[], $4::uuid[]) on conflict do nothing`,
    values: [
      int8Array(targets.map(({ machineId }) => machineId)),
      timestamptzArray(targets.map(({ event }) => event.occurredAt)),
      int8Array(targets.map(({ event }) => event.sourceId)),
      uuidArray(targets.map(({ event }) => event.id)),
    ],
  }
}
