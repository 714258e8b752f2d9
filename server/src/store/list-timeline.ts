import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import type { TimelineEntry, TimelineEntry_Effect } from '../../../proto/gen/holdfast/v1/timeline.ts'
import type { TimelineFilter } from '../domain/filter/timeline-filter.ts'
import { type Instant, timestampFromInstant } from '../domain/instant.ts'
import { machineName, serviceName } from '../domain/resource-name.ts'
import { type FilterColumns, filterSql } from './filter-sql.ts'
import { type Sql, sql, sqlMicros, sqlTime } from './sql.ts'
import type { Store } from './store.ts'
import { addFieldChanges } from './timeline-changes.ts'
import type { Page } from './walk-rows.ts'

/** Events looked at for one page at the most, where a filter refuses most of them; then the page is short. */
const SCAN_ROWS = 10_000

export interface TimelineQuery {
  filter: TimelineFilter
  /** Only what occurred at or after. */
  start: Instant | undefined
  /** Only what occurred before. */
  end: Instant | undefined
  /** Only what was recorded at or before. */
  recordedUntil: Instant
  /** The `next` of the page before. */
  after: string[] | undefined
  limit: number
}

/** The parts of a key: time of occurrence, source, event. */
export const TIMELINE_KEY_LENGTH = 3

/** An event as the timeline reads it. */
export interface TimelineRow {
  occurred_at: bigint
  source_id: bigint
  id: string
  recorded_at: bigint
  epoch: bigint
  effect: number
  principal: string
  environment: string | null
  revision: bigint | null
  body: Buffer
  source: string
  machine_id: bigint | null
  service_id: bigint | null
  machine: string | null
  service: string | null
}

/** The machine and service that a filter names, as stored. */
export interface TimelineIds {
  machine: bigint | undefined
  service: bigint | undefined
}

/**
 * A page of what happened, newest first by when it occurred. An event about several machines stands on the
 * timeline of each. A page may be short and not the last: it looks at a bounded number of events.
 */
export async function listTimeline(store: Store, query: TimelineQuery): Promise<Page<TimelineEntry>> {
  const { filter, limit } = query
  const ids = await namedIds(store, filter)
  if (ids === undefined) return { resources: [], next: undefined }
  const filtered = filter.rest.type !== 'constant' || (ids.machine !== undefined && ids.service !== undefined)
  const scan = filtered ? Math.max(SCAN_ROWS, limit + 1) : limit + 1
  const rows = await store.query<TimelineRow>(pageRows(query, { ids, scan }).toQuery())
  const page = rows.slice(0, limit)
  let next: string[] | undefined
  if (rows.length > limit) next = keyOf(page.at(-1)!)
  else if (filtered) {
    const [last] = await store.query<KeyRow>(lastScanned(query, { ids, scan }).toQuery())
    next = last === undefined ? undefined : keyOf(last)
  }
  const entries = page.map(entryOf)
  await addFieldChanges(store, { rows: page, entries, ids })
  return { resources: entries, next }
}

interface KeyRow {
  occurred_at: bigint
  source_id: bigint
  id: string
}

const keyOf = (row: KeyRow): string[] => [String(row.occurred_at), String(row.source_id), row.id]

/** Undefined when the filter names what there is none of. */
async function namedIds(store: Store, filter: TimelineFilter): Promise<TimelineIds | undefined> {
  if (filter.machine === undefined && filter.service === undefined)
    return { machine: undefined, service: undefined }
  const [row] = await store.query<{ machine: bigint | null; service: bigint | null }>(
    sql`select (select id from machine where name = ${machineName(filter.machine ?? '')}::text) as machine,
      (select id from service where name = ${serviceName(filter.service ?? '')}::text) as service`.toQuery(
      'timeline-ids',
    ),
  )
  const { machine, service } = row!
  if (
    (filter.machine !== undefined && machine === null) ||
    (filter.service !== undefined && service === null)
  ) {
    return undefined
  }
  return { machine: machine ?? undefined, service: service ?? undefined }
}

const COLUMNS: FilterColumns = new Map([
  ['environment', { type: 'text', column: sql`coalesce(e.environment, '')` }],
  ['type', { type: 'number', column: sql`e.type` }],
  ['principal', { type: 'text', column: sql`e.principal collate "C"` }],
  [
    'source',
    {
      type: 'list',
      id: sql`e.source_id`,
      value: sql`o.name`,
      select: (where: Sql) => sql`select o.id from source o where ${where}`,
    },
  ],
])

interface Scan {
  ids: TimelineIds
  scan: number
}

const NEWEST_FIRST = sql`e.occurred_at desc, e.source_id desc, e.id desc`

function pageRows(query: TimelineQuery, scan: Scan): Sql {
  const { ids } = scan
  const service =
    ids.machine !== undefined && ids.service !== undefined ? sql`e.service_id = ${ids.service}` : sql`true`
  return sql`
    select ${sqlMicros(sql`e.occurred_at`)} as occurred_at, e.source_id, e.id::text as id,
      ${sqlMicros(sql`e.recorded_at`)} as recorded_at, e.epoch, e.effect, e.principal, e.environment, e.revision,
      e.body, s.name as source, e.machine_id, e.service_id, m.name as machine, v.name as service
    from (
      select * from (${candidates(query, scan)}) e
      where ${filterSql(query.filter.rest, COLUMNS)} and ${service}
      order by ${NEWEST_FIRST} limit ${query.limit + 1}
    ) e
    join source s on s.id = e.source_id
    left join machine m on m.id = e.machine_id
    left join service v on v.id = e.service_id
    order by ${NEWEST_FIRST}`
}

/** The last of the events that a page looked at, if it looked at as many as it may. */
function lastScanned(query: TimelineQuery, scan: Scan): Sql {
  return sql`select ${sqlMicros(sql`e.occurred_at`)} as occurred_at, e.source_id, e.id::text as id
    from (${candidates(query, scan)}) e order by ${NEWEST_FIRST} offset ${scan.scan - 1} limit 1`
}

/** The next `scan` events of the machine or service, or of all, by the index that has them in order. */
function candidates(query: TimelineQuery, { ids, scan }: Scan): Sql {
  const list = sql`e.occurred_at, e.source_id, e.id, e.recorded_at, e.epoch, e.effect, e.principal, e.environment,
    e.revision, e.body, e.machine_id, e.service_id, e.type`
  const known = sql`e.recorded_at <= ${sqlTime(query.recordedUntil)}`
  const inTime = bounds(query, { time: sql`e.occurred_at`, source: sql`e.source_id`, id: sql`e.id` })
  const ordered = sql`order by ${NEWEST_FIRST} limit ${scan}`
  if (ids.machine === undefined) {
    const service = ids.service === undefined ? sql`true` : sql`e.service_id = ${ids.service}`
    return sql`select ${list} from event e where ${service} and ${rare(query.filter)} and ${known} and ${inTime} ${ordered}`
  }
  const inTargetTime = bounds(query, {
    time: sql`x.occurred_at`,
    source: sql`x.source_id`,
    id: sql`x.event_id`,
  })
  return sql`
    select * from (
      (select ${list} from event e where e.machine_id = ${ids.machine} and ${known} and ${inTime} ${ordered})
      union all
      (select ${list} from (
          select * from event_target x where x.machine_id = ${ids.machine} and ${inTargetTime}
          order by x.occurred_at desc, x.source_id desc, x.event_id desc limit ${scan}
        ) x
        join event e on e.occurred_at = x.occurred_at and e.source_id = x.source_id and e.id = x.event_id
        where e.machine_id is distinct from ${ids.machine} and ${known})
    ) e ${ordered}`
}

/** Types that are few among all events have an index of their own. As in the schema's event_rare. */
const RARE = new Set([15, 16, 17, 30])

const rare = ({ type }: TimelineFilter): Sql =>
  type !== undefined && RARE.has(type) ? sql`e.type in (15, 16, 17, 30)` : sql`true`

function bounds(query: TimelineQuery, { time, source, id }: { time: Sql; source: Sql; id: Sql }): Sql {
  const { start, end, after } = query
  const from = start === undefined ? sql`true` : sql`${time} >= ${sqlTime(start)}`
  const until = end === undefined ? sql`true` : sql`${time} < ${sqlTime(end)}`
  if (after === undefined) return sql`${from} and ${until}`
  const [lastTime, lastSource, lastId] = after as [string, string, string]
  // The bound on the time alone is what chooses partitions and index; the rest orders within an instant.
  const last = sqlTime(BigInt(lastTime))
  return sql`${from} and ${until} and ${time} <= ${last}
    and (${time}, ${source}, ${id}) < (${last}, ${lastSource}::int8, ${lastId}::uuid)`
}

function entryOf(row: TimelineRow): TimelineEntry {
  return {
    event: Event.decode(row.body),
    source: row.source,
    epoch: row.epoch,
    recordedTime: timestampFromInstant(row.recorded_at as Instant),
    principal: row.principal,
    machine: row.machine ?? '',
    service: row.service ?? '',
    environment: row.environment ?? '',
    effect: row.effect as TimelineEntry_Effect,
    revision: row.revision ?? 0n,
    fieldChanges: [],
  }
}
