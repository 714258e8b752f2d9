import type { TimelineFilter } from '../domain/filter/timeline-filter.ts'
import type { Instant } from '../domain/instant.ts'
import { type FilterColumns, filterSql } from './filter-sql.ts'
import type { TimelinePoint } from './read-point.ts'
import { type Sql, sql, sqlMicros, sqlTime } from './sql.ts'

/** Which events a page of the timeline asks for. */
export interface TimelineQuery {
  filter: TimelineFilter
  /** Only what occurred at or after. */
  start: Instant | undefined
  /** Only what occurred before. */
  end: Instant | undefined
  /** Only what was known then. */
  known: TimelinePoint
  /** The `next` of the page before. */
  after: string[] | undefined
  limit: number
}

/** An event's place on the timeline. */
export interface TimelineKey {
  occurred_at: bigint
  source_id: bigint
  id: string
}

/** An event as the timeline reads it. */
export interface TimelineRow extends TimelineKey {
  recorded_at: bigint
  epoch: bigint
  effect: number
  principal: string
  /** Null: the principal. */
  author: string | null
  environment: string | null
  revision: bigint | null
  /** Of the event, as a piece of a WireRow. */
  body: string | Uint8Array
  machine_id: bigint | null
  service_id: bigint | null
  /** Of a row that is no event: what it tells of, and the names that are not told by id. */
  told?: { resource: string; source: string; machine: string; service: string }
}

/**
 * One way to the events of a page, newest first: `rows` gives up to limit + 1 that pass the filter among the
 * next `scan` events, `last` the last of these. `many`, of a machine's, gives a row unless there are fewer, in which case
 * nobody asks for the last: it is in the index, while `last` fetches them all again, for 0.6 ms of a machine's 500.
 */
export interface TimelineBranch {
  rows: Sql
  last: Sql
  many?: Sql
}

/** Where a branch begins, and how many events it looks at. */
export interface TimelineScan {
  machine: bigint | undefined
  service: bigint | undefined
  scan: number
}

// Without names, see timeline-names.ts. Two statements and no UNION for the machine's branches: planned as one
// over 14 partitions they take 10 ms.
const PAGE_COLUMNS = sql`${sqlMicros(sql`e.occurred_at`)} as occurred_at, e.source_id, e.id::text as id,
  ${sqlMicros(sql`e.recorded_at`)} as recorded_at, e.epoch, e.effect, e.principal, e.author, e.environment, e.revision, encode(e.body, 'base64') as body,
  e.machine_id, e.service_id`
const KEY_COLUMNS = sql`${sqlMicros(sql`e.occurred_at`)} as occurred_at, e.source_id, e.id::text as id`
const EVENT = { time: sql`e.occurred_at`, source: sql`e.source_id`, id: sql`e.id` }
const TARGET = { time: sql`x.occurred_at`, source: sql`x.source_id`, id: sql`x.event_id` }

/** Events by the machine they are about, or else a rare type, or else the service, or of all. */
export function eventBranch(query: TimelineQuery, { machine, service, scan }: TimelineScan): TimelineBranch {
  const rare = rareType(query.filter)
  const byService = machine === undefined && rare === undefined && service !== undefined
  const about =
    machine !== undefined
      ? sql`e.machine_id = ${machine}`
      : (rare ?? (byService ? sql`e.service_id = ${service}` : sql`true`))
  const scanned = sql`select * from event e where ${about} and ${recorded(query)} and ${between(query, EVENT)}
    order by ${newestFirst(EVENT)} limit ${scan}`
  const statements = branch(query, { scanned, scan, service: byService ? undefined : service })
  return machine === undefined
    ? statements
    : {
        ...statements,
        many: sql`select from event e where ${about} and ${within(query, EVENT)} offset ${scan - 1} limit 1`,
      }
}

/**
 * Events about several machines, by the one. Each is fetched by its key, so in its own partition only; the
 * bounds are said of the event, too, so that the planner leaves out the partitions beyond.
 */
export function targetBranch(query: TimelineQuery, { machine, service, scan }: TimelineScan): TimelineBranch {
  const scanned = sql`select e.* from event_target x cross join lateral (
      select * from event e
      where e.occurred_at = x.occurred_at and e.source_id = x.source_id and e.id = x.event_id and ${between(query, EVENT)}
      limit 1
    ) e where x.machine_id = ${machine!} and ${between(query, TARGET)} and ${recorded(query)}
    order by ${newestFirst(TARGET)} limit ${scan}`
  return {
    ...branch(query, { scanned, scan, service }),
    many: sql`select from event_target x where x.machine_id = ${machine!} and ${within(query, TARGET)}
      offset ${scan - 1} limit 1`,
  }
}

function branch(
  query: TimelineQuery,
  { scanned, scan, service }: { scanned: Sql; scan: number; service: bigint | undefined },
): TimelineBranch {
  const ofService = service === undefined ? sql`true` : sql`e.service_id = ${service}`
  return {
    rows: sql`select ${PAGE_COLUMNS} from (
        select * from (${scanned}) e where ${filterSql(query.filter.rest, COLUMNS)} and ${ofService}
        order by ${newestFirst(EVENT)} limit ${query.limit + 1}
      ) e order by ${newestFirst(EVENT)}`,
    last: sql`select ${KEY_COLUMNS} from (${scanned}) e order by ${newestFirst(EVENT)} offset ${scan - 1} limit 1`,
  }
}

const COLUMNS: FilterColumns = new Map([
  ['environment', { type: 'text', column: sql`coalesce(e.environment, '')` }],
  ['type', { type: 'number', column: sql`e.type` }],
  ['principal', { type: 'text', column: sql`e.principal collate "C"` }],
  ['author', { type: 'text', column: sql`coalesce(e.author, e.principal) collate "C"` }],
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

interface KeyColumns {
  time: Sql
  source: Sql
  id: Sql
}

const newestFirst = ({ time, source, id }: KeyColumns): Sql => sql`${time} desc, ${source} desc, ${id} desc`

function recorded({ known: { recordedUntil, revision } }: TimelineQuery): Sql {
  const until = sql`e.recorded_at <= ${sqlTime(recordedUntil)}`
  // Several revisions are committed at one time.
  return revision === 0n ? until : sql`${until} and (e.revision is null or e.revision <= ${revision}::int8)`
}

/** By the time alone: chooses partitions and the place in the index. */
function within({ start, end, after }: TimelineQuery, { time }: Pick<KeyColumns, 'time'>): Sql {
  const from = start === undefined ? sql`true` : sql`${time} >= ${sqlTime(start)}`
  const until = end === undefined ? sql`true` : sql`${time} < ${sqlTime(end)}`
  const next = after === undefined ? sql`true` : sql`${time} <= ${sqlTime(BigInt(after[0]!))}`
  return sql`${from} and ${until} and ${next}`
}

function between(query: TimelineQuery, { time, source, id }: KeyColumns): Sql {
  const bounds = within(query, { time })
  if (query.after === undefined) return bounds
  const [lastTime, lastSource, lastId] = query.after as [string, string, string]
  // The bound on the time is said apart; the rest orders one instant.
  return sql`${bounds} and (${time}, ${source}, ${id}) < (${sqlTime(BigInt(lastTime))}, ${lastSource}::int8, ${lastId}::uuid)`
}

/** Types that are few among all events: the index event_rare of the schema has them apart. */
const RARE_TYPES = new Set([15, 16, 22, 23, 24, 30])

const rareType = ({ type }: TimelineFilter): Sql | undefined =>
  type !== undefined && RARE_TYPES.has(type) ? sql`e.type = ${type}::int4` : undefined
