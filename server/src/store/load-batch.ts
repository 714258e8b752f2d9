import type pg from 'pg'
import type { Instant } from '../domain/instant.ts'
import { decodeRow, type KindName } from '../domain/kind.ts'
import type { LoadKeys } from '../domain/load-keys.ts'
import { conditionName, machineName, serviceName } from '../domain/resource-name.ts'
import type { Gap } from '../domain/sequence.ts'
import type { LedgerPosition, Row, WorkingSet } from '../domain/working-set.ts'
import { int2Array, int8Array, textArray, uuidArray } from './binary-array.ts'
import { type EventPartitions, monthOf, partitionOf } from './event-partitions.ts'
import { micros } from './pg-types.ts'
import type { RowCache } from './row-cache.ts'

type Query = <R extends pg.QueryResultRow>(statement: pg.QueryConfig) => Promise<pg.QueryResult<R>>

interface CurrentRow {
  id: bigint
  revision: bigint
  create_revision: bigint
  body: Buffer
  observed_at?: bigint
}

const columns = `id, revision, create_revision, body`
const seen = `${columns}, ${micros('observed_at')} as observed_at`
const MACHINES_BY_NAME = `select ${seen} from machine where name = any($1::text[])`
// By alias come all that share one, so that a clash is seen and not only the match. A machine found both ways
// comes twice, which costs less than a sort of the bodies.
const MACHINES = `
  ${MACHINES_BY_NAME}
  union all
  select ${seen} from machine where id in (
    select a.machine_id from unnest($2::int2[], $3::text[]) k(kind, value)
    join machine_alias a on a.kind = k.kind and a.value = k.value)`
const byName = (table: string, list: string): string =>
  `select ${list} from ${table} where name = any($1::text[])`

/** Where the ledger stands, and the time that decides. Its own statement, after the row is locked: a volatile
 * function in the locking statement is evaluated before the lock is waited for. */
export const POSITION = `
  select epoch, head, next_id, compacted, ${micros('greatest(clock_timestamp(), last_time)')} as now
  from ledger where id = 1`

export interface PositionRow {
  epoch: bigint
  head: bigint
  next_id: bigint
  now: bigint
}

export const positionOf = (row: PositionRow): LedgerPosition & { now: Instant } => ({
  epoch: row.epoch,
  head: row.head,
  nextId: row.next_id,
  now: row.now as Instant,
})

/** Asks for everything in `keys`, one query a kind, all in one round trip; gives what adds it to a working set. */
export function loadBatch(
  query: Query,
  keys: LoadKeys,
  { partitions, cache }: { partitions: EventPartitions; cache: RowCache },
): Promise<((state: WorkingSet) => void)[]> {
  const loads: Promise<(state: WorkingSet) => void>[] = []
  const rows = <K extends KindName>(kind: K, statement: pg.QueryConfig): void => {
    loads.push(
      query<CurrentRow>(statement).then(({ rows }) => (state) => {
        for (const row of rows) state.add(currentRow(kind, row, cache))
      }),
    )
  }
  const machineNames = textArray([...keys.machineIds].map(machineName))
  if (keys.aliases.size > 0) {
    const aliases = [...keys.aliases.values()]
    const kinds = int2Array(aliases.map((alias) => alias.kind))
    const values = [machineNames, kinds, textArray(aliases.map((alias) => alias.value))]
    rows('machine', { name: 'load-machines', text: MACHINES, values })
  } else if (keys.machineIds.size > 0) {
    rows('machine', { name: 'load-machines-by-name', text: MACHINES_BY_NAME, values: [machineNames] })
  }
  const named = <K extends KindName>(kind: K, names: string[], list: string): void => {
    if (names.length === 0) return
    rows(kind, { name: `load-${kind}`, text: byName(kind, list), values: [textArray(names)] })
  }
  named('service', [...keys.services].map(serviceName), columns)
  named('instance', [...keys.instanceNames], seen)
  named('facet', [...keys.facetNames], seen)
  named('condition', [...keys.conditions].map(conditionName), columns)
  if (keys.sources.size > 0) loads.push(loadSources(query, keys))
  loads.push(...loadStoredEvents(query, keys, partitions))
  return Promise.all(loads)
}

function currentRow<K extends KindName>(kind: K, row: CurrentRow, cache: RowCache): Row<K> {
  return {
    id: row.id,
    kind,
    createRevision: row.create_revision,
    revision: row.revision,
    resource: cache.get(kind, row.id, row.revision) ?? decodeRow(kind, row.body),
    body: row.body,
    observedAt: (row.observed_at ?? 0n) as Instant,
    isNew: false,
  }
}

const SOURCES = `
  select s.id, s.name, e.epoch, e.high_water, e.gaps::text as gaps
  from unnest($1::text[], $2::int8[]) k(name, epoch)
  join source s on s.name = k.name
  left join source_epoch e on e.source_id = s.id and e.epoch = k.epoch`

async function loadSources(query: Query, keys: LoadKeys): Promise<(state: WorkingSet) => void> {
  const wanted = [...keys.sources.values()]
  const { rows } = await query<{
    id: bigint
    name: string
    epoch: bigint | null
    high_water: bigint
    gaps: string
  }>({
    name: 'load-sources',
    text: SOURCES,
    values: [textArray(wanted.map(({ source }) => source)), int8Array(wanted.map(({ epoch }) => epoch))],
  })
  return (state) => {
    for (const row of rows) {
      let source = state.sources.get(row.name)
      if (source === undefined) {
        source = { id: row.id, name: row.name, isNew: false, epochs: new Map(), touched: new Set() }
        state.sources.set(row.name, source)
      }
      if (row.epoch === null) continue
      source.epochs.set(Number(row.epoch), { highWater: Number(row.high_water), gaps: parseGaps(row.gaps) })
    }
  }
}

/** Which of the batch's events are stored already. Asks the month's partition only: see EventPartitions. */
function loadStoredEvents(
  query: Query,
  keys: LoadKeys,
  partitions: EventPartitions,
): Promise<(state: WorkingSet) => void>[] {
  const groups = new Map<string, { source: string; partition: string; ids: string[] }>()
  for (const { source, id, occurredAt } of keys.events) {
    const month = monthOf(occurredAt)
    if (!partitions.has(month)) continue
    const key = `${month}${source}`
    let group = groups.get(key)
    if (group === undefined) {
      group = { source, partition: partitionOf(month), ids: [] }
      groups.set(key, group)
    }
    group.ids.push(id)
  }
  return [...groups.values()].map(async ({ source, partition, ids }) => {
    const { rows } = await query<{ id: string }>({
      name: `stored-${partition}`,
      // A probe of the index for each id. As a plain join PostgreSQL reads all events of the source while it
      // has no statistics of the partition yet: 50 ms instead of 5 for 1,000 ids beside 50,000 rows.
      text: `
        select k.id::text as id from unnest($2::uuid[]) k(id) cross join lateral (
          select 1 from ${partition} e
          where e.source_id = (select id from source where name = $1) and e.id = k.id limit 1) stored`,
      values: [source, uuidArray(ids)],
    })
    return (state: WorkingSet) => {
      for (const { id } of rows) state.storedEvents.add(`${source}\n${id}`)
    }
  })
}

/** Gaps from PostgreSQL's text of an int8multirange, such as `{[3,5),[9,10)}`. */
export function parseGaps(text: string): Gap[] {
  return [...text.matchAll(/\[(\d+),(\d+)\)/g)].map(([, first, end]) => [Number(first), Number(end) - 1])
}

export const formatGaps = (gaps: readonly Gap[]): string =>
  `{${gaps.map(([first, last]) => `[${first},${last + 1})`).join(',')}}`
