import { type Alias, ProcessScan } from '../../../proto/gen/holdfast/v1/machine.ts'
import type { Instant } from '../domain/instant.ts'
import { type KindName, type ObservedKind, ResourceKind } from '../domain/kind.ts'
import type { EventRecord, Row, SourceRow } from '../domain/rows.ts'
import type { WorkingSet } from '../domain/working-set.ts'
import type { Assumption } from './assumed-ledger.ts'
import {
  byteaArray,
  int2Array,
  int4Array,
  int8Array,
  textArray,
  timestamptzArray,
  uuidArray,
} from './binary-array.ts'
import { monthOf, partitionOf } from './event-partitions.ts'
import { formatGaps } from './load-batch.ts'
import { allDone, type Part } from './one-statement.ts'
import { fromMicros, micros } from './pg-types.ts'
import type { Statement } from './pipeline.ts'
import { insertEvents, insertTargets } from './save-events.ts'
import { saveLiveLocks } from './save-live-locks.ts'
import { saveLockDelays } from './save-lock-delays.ts'
import { saveResources } from './save-resources.ts'

/** Who writes a batch. */
export interface Writing {
  /** The writer's number in the ledger. */
  writer: bigint
  /** What must be true of a batch that was decided before the ledger was locked. It counts from then, not from its own time. */
  assumption?: Assumption | undefined
}

/**
 * The statement that writes what a batch decided: each table set-wise, all of them in one round trip. Gives the time from
 * which it counts; and for one on an assumption, when that was found true.
 */
export function saveBatch(state: WorkingSet, { writer, assumption }: Writing): Statement {
  const statements: Part[] = [
    ...(assumption === undefined ? [] : [assumption]),
    {
      name: assumption === undefined ? 'save-ledger' : 'save-ledger-then',
      text: `update ledger set head = $1, next_id = $2, writer = $3,
          last_time = ${assumption === undefined ? fromMicros('$4') : `greatest(last_time, (select clock from ${assumption.as}))`}
        where id = 1 returning head, last_time`,
      values: [state.head, state.nextId, writer, ...(assumption === undefined ? [state.now] : [])],
      as: 'moved',
    },
    {
      name: 'save-commit',
      text: `insert into ledger_commit (revision, committed_at)
        select head, last_time from moved where head > $1::int8`,
      values: [state.from.head],
    },
  ]
  for (const [partition, events] of byPartition(state.events))
    statements.push(insertEvents(partition, events, state.now))
  const targets = state.events.flatMap((event) => event.targets.map((machineId) => ({ machineId, event })))
  if (targets.length > 0) statements.push(insertTargets(targets))

  statements.push(...saveResources(state), ...saveLiveLocks(state), ...saveLockDelays(state))
  const seen = Map.groupBy(
    [...state.observed].filter((row) => !state.dirty.has(row as unknown as Row<KindName>)),
    (row) => row.kind,
  )
  for (const [kind, rows] of seen) statements.push(observe(kind, rows))
  if (state.changes.length > 0) statements.push(insertChanges(state))
  const { true: gone, false: claimed } = Object.groupBy(state.aliases.told.values(), ({ gone }) => `${gone}`)
  if (gone !== undefined) statements.push(aliases('delete', gone))
  if (claimed !== undefined) statements.push(aliases('insert', claimed))
  if (state.scans.size > 0) statements.push(upsertScans(state))
  if (state.labelTimes.told.size > 0) statements.push(upsertLabels(state))
  if (state.changedTargets.size > 0) statements.push(upsertTargets(state))
  if (state.endedLeases.size > 0) statements.push(endLeases([...state.endedLeases], state.now))
  const sources = [...state.sources.values()].filter((source) => source.isNew || source.touched.size > 0)
  if (sources.length > 0) statements.push(...saveSources(sources, state.now))
  const clock = assumption === undefined ? '' : `, (select ${micros('clock')} from ${assumption.as})`
  return allDone(statements, `select ${micros('last_time')}${clock} from moved`)
}

const endLeases = (ids: string[], now: Instant): Part => ({
  name: 'end-leases',
  text: `update lease set ended_at = ${fromMicros('$2')} where id = any($1::uuid[])`,
  values: [uuidArray(ids), now],
})

function saveSources(sources: SourceRow[], now: Instant): Part[] {
  const epochs = sources.flatMap(({ id, epochs, touched }) =>
    [...touched].map((epoch) => ({ id, epoch, sequence: epochs.get(epoch)! })),
  )
  return [
    {
      name: 'save-sources',
      text: `insert into source (id, name, created_at, last_contact_at)
        select i, n, t, t from unnest($1::int8[], $2::text[], $3::timestamptz[]) u(i, n, t)
        on conflict (id) do update set last_contact_at = excluded.last_contact_at`,
      values: [
        int8Array(sources.map(({ id }) => id)),
        textArray(sources.map(({ name }) => name)),
        timestamptzArray(sources.map(() => now)),
      ],
    },
    {
      name: 'save-source-epochs',
      text: `insert into source_epoch (source_id, epoch, high_water, gaps)
        select i, e, h, g::int8multirange from unnest($1::int8[], $2::int8[], $3::int8[], $4::text[]) u(i, e, h, g)
        on conflict (source_id, epoch) do update set high_water = excluded.high_water, gaps = excluded.gaps`,
      values: [
        int8Array(epochs.map(({ id }) => id)),
        int8Array(epochs.map(({ epoch }) => epoch)),
        int8Array(epochs.map(({ sequence }) => sequence.highWater)),
        textArray(epochs.map(({ sequence }) => formatGaps(sequence.gaps))),
      ],
    },
  ]
}

function byPartition(events: readonly EventRecord[]): Map<string, EventRecord[]> {
  return Map.groupBy(events, (event) => partitionOf(monthOf(event.occurredAt)))
}

function insertChanges({ changes }: WorkingSet): Part {
  return {
    name: 'save-changes',
    text: `insert into change (revision, ordinal, kind, resource_id, committed_at, body)
      select r, o, k, i, (select last_time from moved), b
      from unnest($1::int8[], $2::int4[], $3::int2[], $4::int8[], $5::bytea[]) u(r, o, k, i, b)`,
    values: [
      int8Array(changes.map((change) => change.revision)),
      int4Array(changes.map((change) => change.ordinal)),
      int2Array(changes.map((change) => ResourceKind[change.kind])),
      int8Array(changes.map((change) => change.resourceId)),
      byteaArray(changes.map((change) => change.body)),
    ],
  }
}

function observe(kind: ObservedKind, rows: Row<ObservedKind>[]): Part {
  return {
    name: `observe-${kind}`,
    text: `update ${kind} c set observed_at = u.at from unnest($1::int8[], $2::timestamptz[]) u(id, at)
      where c.id = u.id and c.observed_at < u.at`,
    values: [int8Array(rows.map(({ id }) => id)), timestamptzArray(rows.map(({ observedAt }) => observedAt))],
  }
}

function aliases(verb: 'insert' | 'delete', list: { alias: Alias; machineId: bigint }[]): Part {
  const values = [
    int2Array(list.map(({ alias }) => alias.kind)),
    textArray(list.map(({ alias }) => alias.value)),
    int8Array(list.map(({ machineId }) => machineId)),
  ]
  const given = `unnest($1::int2[], $2::text[], $3::int8[])`
  const text =
    verb === 'insert'
      ? `insert into machine_alias (kind, value, machine_id) select * from ${given} on conflict do nothing`
      : `delete from machine_alias where (kind, value, machine_id) in (select * from ${given})`
  return { name: `aliases-${verb}`, text, values }
}

function upsertTargets({ targets, changedTargets }: WorkingSet): Part {
  const rows = [...changedTargets].map((key) => targets.get(key)!)
  return {
    name: 'save-run-targets',
    text: `insert into run_target (run_id, machine, outcome, message, reported_at, started_at)
      select * from unnest($1::int8[], $2::text[], $3::int2[], $4::text[], $5::timestamptz[], $6::timestamptz[])
      on conflict (run_id, machine) do update
      set outcome = excluded.outcome, message = excluded.message, reported_at = excluded.reported_at`,
    values: [
      int8Array(rows.map(({ runId }) => runId)),
      textArray(rows.map(({ machine }) => machine)),
      int2Array(rows.map(({ outcome }) => outcome)),
      textArray(rows.map(({ message }) => message)),
      timestamptzArray(rows.map(({ reportedAt }) => reportedAt)),
      timestamptzArray(rows.map(({ startedAt }) => startedAt)),
    ],
  }
}

function upsertLabels({ labelTimes }: WorkingSet): Part {
  const rows = [...labelTimes.told.values()]
  return {
    name: 'save-labels',
    text: `insert into machine_label (machine_id, key, told_at)
      select * from unnest($1::int8[], $2::text[], $3::timestamptz[])
      on conflict (machine_id, key) do update set told_at = excluded.told_at
      where machine_label.told_at < excluded.told_at`,
    values: [
      int8Array(rows.map(({ machineId }) => machineId)),
      textArray(rows.map(({ key }) => key)),
      timestamptzArray(rows.map(({ toldAt }) => toldAt)),
    ],
  }
}

function upsertScans({ scans }: WorkingSet): Part {
  const entries = [...scans]
  return {
    name: 'save-scans',
    text: `insert into process_scan (machine_id, observed_at, body)
      select * from unnest($1::int8[], $2::timestamptz[], $3::bytea[])
      on conflict (machine_id) do update set observed_at = excluded.observed_at, body = excluded.body
      where process_scan.observed_at <= excluded.observed_at`,
    values: [
      int8Array(entries.map(([machineId]) => machineId)),
      timestamptzArray(entries.map(([, { observedAt }]) => observedAt)),
      byteaArray(entries.map(([, { scan }]) => ProcessScan.encode(scan).finish())),
    ],
  }
}
