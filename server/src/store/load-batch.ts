import type { Alias, MachineRef } from '../../../proto/gen/holdfast/v1/machine.ts'
import { isStrong } from '../domain/alias.ts'
import type { Instant } from '../domain/instant.ts'
import { KIND_NAMES, type KindName, kindName } from '../domain/kind.ts'
import type { LoadKeys } from '../domain/load-keys.ts'
import { machineName } from '../domain/resource-name.ts'
import type { LedgerPosition } from '../domain/rows.ts'
import type { Gap } from '../domain/sequence.ts'
import type { WorkingSet } from '../domain/working-set.ts'
import { int2Array, int4Array, int8Array, textArray, uuidArray } from './binary-array.ts'
import { type EventPartitions, type Month, monthOf, partitionOf } from './event-partitions.ts'
import { endingLeases, FOLLOWED, follow, leaseOf, leases, lockChanges } from './load-locks.ts'
import { addTarget, runTargets } from './load-run-targets.ts'
import { currentRow, LoadedKind, type LoadedRow, resource, select } from './loaded-row.ts'
import { allRead, type Part } from './one-statement.ts'
import { micros } from './pg-types.ts'
import type { Statement, TextRow } from './pipeline.ts'
import type { RowCache } from './row-cache.ts'

// The time that decides is read here, after the ledger's row is locked: in the statement that locks it, a
// volatile function is evaluated before the lock is waited for.
const position: Part = {
  name: 'ledger',
  text: `${select(LoadedKind.ledger, {
    id: 'epoch',
    revision: 'head',
    create_revision: 'next_id',
    name: 'writer::text',
    observed_at: micros('greatest(clock_timestamp(), last_time)'),
  })} from ledger where id = 1`,
  values: [],
}

/**
 * Everything in `keys`, and where the ledger stands, in one statement; with `lockRevision`, also the locks and holds
 * that have changed after it.
 */
export function loadBatch(
  keys: LoadKeys,
  { partitions, lockRevision }: { partitions: EventPartitions; lockRevision?: bigint | undefined },
): Statement {
  const parts = [position]
  // In one order, so that there are few combinations of parts.
  for (const kind of KIND_NAMES) {
    const names = keys.names.get(kind)
    if (names !== undefined) parts.push(named(kind, [...names]))
  }
  if (keys.scanned.length > 0) parts.push(...discovered(keys.scanned))
  if (keys.labelled.length > 0) parts.push(labelled(keys.labelled))
  if (keys.rules) parts.push({ name: 'rules', text: `${resource('rule')} from rule`, values: [] })
  if (keys.aliases.size > 0) parts.push(machinesByAlias([...keys.aliases.values()]))
  if (keys.sources.size > 0) parts.push(sources([...keys.sources.values()]))
  parts.push(...runTargets(keys))
  parts.push(...storedEvents(keys, partitions))
  if (keys.leases.size > 0) parts.push(leases([...keys.leases]))
  if (keys.endingLeases.size > 0) parts.push(endingLeases([...keys.endingLeases].sort()))
  if (lockRevision !== undefined) parts.push(...lockChanges(lockRevision))
  return allRead(parts)
}

/** A row of the load: its columns come in the order of `select`. */
export function loadedRow(columns: TextRow): LoadedRow {
  const [kind, id, revision, createRevision, body, observedAt, name, detail] = columns
  const whole = (text: string | null | undefined) => (text == null ? null : BigInt(text)) as bigint
  return {
    kind: Number(kind),
    id: whole(id),
    revision: whole(revision),
    create_revision: whole(createRevision),
    body: (body == null ? null : Buffer.from(body.slice(2), 'hex')) as Buffer,
    observed_at: whole(observedAt),
    name: name as string,
    detail: detail as string,
  }
}

/** Where the ledger stands, of the rows of a load. */
export function positionIn(rows: readonly LoadedRow[]): LedgerPosition & { now: Instant; writer: bigint } {
  const { id, revision, create_revision, observed_at, name } = rows.find(
    ({ kind }) => kind === LoadedKind.ledger,
  )!
  const now = observed_at as Instant
  return { epoch: id, head: revision, nextId: create_revision, now, writer: BigInt(name) }
}

/** Adds the rows of a load to what a batch sees. */
export function addLoaded(state: WorkingSet, rows: readonly LoadedRow[], cache: RowCache): void {
  for (const row of rows) {
    if (row.kind === LoadedKind.ledger) continue
    if (row.kind === LoadedKind.source) addSource(state, row)
    else if (row.kind === LoadedKind.storedEvent) state.storedEvents.add(`${row.name}\n${row.detail}`)
    else if (row.kind === LoadedKind.target) addTarget(state, row)
    else if (row.kind === LoadedKind.scan) state.scannedAt.set(row.id, row.observed_at as Instant)
    else if (row.kind === LoadedKind.label)
      state.labelTimes.load({ machineId: row.id, key: row.name, toldAt: row.observed_at as Instant })
    else if (row.kind === LoadedKind.lease) state.leases.set(row.name, leaseOf(row))
    else if (row.detail === FOLLOWED) follow(state, row, cache)
    else state.add(currentRow(kindName(row.kind), row, cache))
  }
}

const named = (kind: KindName, names: string[]): Part => ({
  name: kind,
  text: `${resource(kind)} from ${kind} where name = any($1::text[])`,
  values: [textArray(names)],
})

/** The ids of the machines that references may mean, of the values that `meant` gives. */
const MEANT = `select m.id from machine m where m.name = any($1::text[]) union
  select a.machine_id from unnest($2::int2[], $3::text[]) k(kind, value)
  join machine_alias a on a.kind = k.kind and a.value = k.value`

function meant(refs: MachineRef[]): Buffer[] {
  const strong = refs.flatMap(({ aliases }) => aliases.filter(isStrong))
  return [
    textArray(refs.map(({ id }) => machineName(id))),
    int2Array(strong.map(({ kind }) => kind)),
    textArray(strong.map(({ value }) => value)),
  ]
}

const labelled = (refs: MachineRef[]): Part => ({
  name: 'labelled',
  text: `${select(LoadedKind.label, { id: 'machine_id', observed_at: micros('told_at'), name: 'key' })}
    from machine_label where machine_id in (${MEANT})`,
  values: meant(refs),
})

/** The findings of machines, with the instances and services that they are or may become, and when each was scanned. */
function discovered(refs: MachineRef[]): Part[] {
  const values = meant(refs)
  const found = `finding where finding.machine_id in (${MEANT})`
  return [
    {
      name: 'scanned',
      text: `${select(LoadedKind.scan, { id: 'machine_id', observed_at: micros('observed_at') })}
        from process_scan where machine_id in (${MEANT})`,
      values,
    },
    { name: 'found', text: `${resource('finding')} from ${found}`, values },
    {
      name: 'found-instances',
      text: `${resource('instance')} from instance
        where name in (select 'instances/' || substr(finding.name, 10) from ${found})`,
      values,
    },
    {
      name: 'found-services',
      text: `${resource('service')} from service where name in (select 'services/' || finding.service from ${found})`,
      values,
    },
  ]
}

/** All that share an alias, so that a clash is seen and not only the match. A machine that is found by its name
 * as well comes twice, which costs less than a sort of the bodies. */
const machinesByAlias = (aliases: Alias[]): Part => ({
  name: 'alias',
  text: `${resource('machine')} from machine where id in (
    select a.machine_id from unnest($1::int2[], $2::text[]) k(kind, value)
    join machine_alias a on a.kind = k.kind and a.value = k.value)`,
  values: [int2Array(aliases.map(({ kind }) => kind)), textArray(aliases.map(({ value }) => value))],
})

const sources = (wanted: { source: string; epoch: number }[]): Part => ({
  name: 'source',
  text: `${select(LoadedKind.source, {
    id: 's.id',
    revision: 'e.epoch',
    create_revision: 'e.high_water',
    name: 's.name',
    detail: 'e.gaps::text',
  })}
    from unnest($1::text[], $2::int8[]) k(name, epoch)
    join source s on s.name = k.name
    left join source_epoch e on e.source_id = s.id and e.epoch = k.epoch`,
  values: [textArray(wanted.map(({ source }) => source)), int8Array(wanted.map(({ epoch }) => epoch))],
})

function addSource(state: WorkingSet, row: LoadedRow): void {
  let source = state.sources.get(row.name)
  if (source === undefined) {
    source = { id: row.id, name: row.name, isNew: false, epochs: new Map(), touched: new Set() }
    state.sources.set(row.name, source)
  }
  // Null when the source has no such numbering yet.
  if (row.revision === null) return
  const gaps = parseGaps(row.detail)
  source.epochs.set(Number(row.revision), { highWater: Number(row.create_revision), gaps })
}

/** Events of one month: `at` says which of the sources each is of, from 1 on. */
interface AskedEvents {
  sources: Map<string, number>
  at: number[]
  ids: string[]
}

/**
 * Which of the batch's events are stored already. Asks their months' partitions only: see EventPartitions. One part a
 * month, however many sources: each combination of parts is a statement of its own, planned once and kept.
 */
function storedEvents(keys: LoadKeys, partitions: EventPartitions): Part[] {
  const months = new Map<Month, AskedEvents>()
  for (const { source, id, occurredAt } of keys.events) {
    const month = monthOf(occurredAt)
    if (!partitions.has(month)) continue
    const asked = months.get(month) ?? { sources: new Map<string, number>(), at: [], ids: [] }
    months.set(month, asked)
    const at = asked.sources.get(source) ?? asked.sources.size + 1
    asked.sources.set(source, at)
    asked.at.push(at)
    asked.ids.push(id)
  }
  return [...months]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([month, { sources, at, ids }]) => ({
      name: partitionOf(month),
      // A probe of the index for each id. As a plain join PostgreSQL reads all events of the source while it has no
      // statistics of the partition yet: 50 ms instead of 5 for 1,000 ids beside 50,000 rows. And a source is looked up once
      // and not for each id, which took 6 ms in place of 4.
      text: `${select(LoadedKind.storedEvent, { name: '($1::text[])[k.source]', detail: 'k.id::text' })}
      from unnest($2::int4[], $3::uuid[]) k(source, id) cross join lateral (
        select 1 from ${partitionOf(month)} e where e.source_id = (array(
            select (select s.id from source s where s.name = n.name) from unnest($1::text[]) with ordinality n(name, at)
            order by at))[k.source] and e.id = k.id limit 1) stored`,
      values: [textArray([...sources.keys()]), int4Array(at), uuidArray(ids)],
    }))
}

/** Gaps from PostgreSQL's text of an int8multirange, such as `{[3,5),[9,10)}`. */
export function parseGaps(text: string): Gap[] {
  return [...text.matchAll(/\[(\d+),(\d+)\)/g)].map(([, first, end]) => [Number(first), Number(end) - 1])
}

export const formatGaps = (gaps: readonly Gap[]): string =>
  `{${gaps.map(([first, last]) => `[${first},${last + 1})`).join(',')}}`
