import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import { type Hold, Hold_LiftCause, Hold_State } from '../../../proto/gen/holdfast/v1/hold.ts'
import { type Lock, Lock_EndCause, Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { Scope } from '../../../proto/gen/holdfast/v1/scope.ts'
import { type TimelineEntry, TimelineEntry_Effect } from '../../../proto/gen/holdfast/v1/timeline.ts'
import { encode } from '../../../runtime/encode.ts'
import { API_SOURCE } from '../domain/amendment.ts'
import { relax } from '../domain/filter/filter.ts'
import { matcher } from '../domain/filter/matches.ts'
import type { TimelineFilter } from '../domain/filter/timeline-filter.ts'
import { type Instant, timestampFromInstant } from '../domain/instant.ts'
import { jsonEqual } from '../domain/json-equal.ts'
import { decodeBody, ResourceKind } from '../domain/kind.ts'
import { ANY } from '../domain/locks/scope.ts'
import { machineName, serviceName } from '../domain/resource-name.ts'
import { joinSql, type Sql, sql, sqlMicros, sqlTime } from './sql.ts'
import type { Store } from './store.ts'
import type { TimelineKey, TimelineQuery, TimelineRow } from './timeline-events.ts'

/** Sorts after the events of any source at the same instant. */
const SOURCE_ID = 0n
/** Who does what is due. */
const SERVER = 'holdfast'

interface ChangeRow {
  revision: bigint
  ordinal: number
  kind: number
  committed_at: bigint
  body: Buffer
  /** It is the so many-th that was looked at. */
  looked: number
}

/** Changes looked at for one page at the most: so many by what they name, which takes 5 µs each, and so many whole. */
const MOST_SIEVED = 10_000
const MOST_READ = 5000

/**
 * What became of locks, and of holds that lifted themselves, as rows of the timeline: told from their changes, since a
 * lock and its release are worth no event of their own. Up to limit + 1 that pass the filter, among a bounded number,
 * and where it stopped if there may be more.
 */
export async function lockRows(
  store: Store,
  query: TimelineQuery,
): Promise<{ rows: TimelineRow[]; stop: TimelineKey | undefined }> {
  const { filter, limit } = query
  if (!mayPass(filter)) return { rows: [], stop: undefined }
  const most = filter.rest.type === 'constant' ? limit + 1 : Math.max(MOST_READ, limit + 1)
  const isNamed = filter.machine !== undefined || filter.service !== undefined
  const scan = isNamed ? Math.max(MOST_SIEVED, most) : most
  const changes = await store.query<ChangeRow & { [column: string]: unknown }>(
    changesOf(query, { scan, most }).toQuery(statementName(query)),
  )
  const matches = matcher(filter.rest)
  const rows: TimelineRow[] = []
  for (const change of changes) {
    const told = tell(change)
    if (told === undefined || !isAbout(told.scopes, query) || !matches(entryOf(told))) continue
    rows.push(rowOf(change, told))
    if (rows.length > limit) return { rows, stop: rows.at(-1) }
  }
  const last = changes.at(-1)
  const isCut = last?.looked === scan || changes.length === most
  return { rows, stop: isCut ? keyOf(last!) : undefined }
}

/** What all of these rows have in common. */
const COMMON = new Set(['type', 'source'])

/** Whether a filter lets any of these rows through. */
const mayPass = ({ rest }: TimelineFilter): boolean =>
  matcher(relax(rest, COMMON))(entryOf({ name: '', scopes: [], method: '', reason: '', principal: '' }))

/** Its text is one of few, and planning it takes four times as long as running it. */
function statementName({ start, after, filter }: TimelineQuery): string {
  const asked = { start, after, machine: filter.machine, service: filter.service }
  const parts = Object.entries(asked).filter(([, value]) => value !== undefined)
  return ['timeline-locks', ...parts.map(([part]) => part)].join('-')
}

function changesOf(query: TimelineQuery, { scan, most }: { scan: number; most: number }): Sql {
  const { start, after, filter } = query
  const from = start === undefined ? sql`0` : revisionBefore(start)
  const next =
    after === undefined
      ? sql`true`
      : sql`(c.committed_at, 0::int8, ${CHANGE_ID}) < (${sqlTime(BigInt(after[0]!))}, ${after[1]!}::int8, ${after[2]!}::uuid)`
  // A first sieve: what a scope names is in its text. `isAbout` is exact.
  const names = [filter.machine, filter.service].filter((id) => id !== undefined)
  const sieve = names.map((id) => sql`strpos(t.scopes, ${id}::text) > 0`)
  const named = joinSql(sieve, ' and ')
  const about =
    sieve.length === 0
      ? sql`true`
      : sql`case c.kind when 6 then (select ${named} from lock t where t.id = c.resource_id)
          else (select ${named} from hold t where t.id = c.resource_id) end`
  // The limit is on what is looked at and not on what is found: of something that has few locks it would be all there are,
  // 10 s for a million. The last one stands for where it stopped.
  return sql`select c.revision, c.ordinal, c.kind, ${sqlMicros(sql`c.committed_at`)} as committed_at, c.body, c.looked
    from (
      select c.*, row_number() over (order by c.revision desc, c.ordinal desc)::int4 as looked from (
        select c.revision, c.ordinal, c.kind, c.resource_id, c.committed_at, c.body from change c
        where c.kind in (6, 7) and c.revision > (select compacted from ledger where id = 1)
          and c.revision > ${from} and c.revision <= ${lastOf(query)} and ${next}
        order by c.revision desc, c.ordinal desc limit ${scan}
      ) c
    ) c
    where ${about} or c.looked = ${scan}
    order by c.revision desc, c.ordinal desc limit ${most}`
}

const ANY_REVISION = 2n ** 63n - 1n

/** The last revision of all that is asked for. */
function lastOf(query: TimelineQuery): Sql {
  const { revision } = query.known
  // One text for all: the statement has a name.
  return sql`least(${revision === 0n ? ANY_REVISION : revision}::int8, ${revisionBefore(untilOf(query))})`
}

/** The time before which all that is asked for was committed. */
function untilOf({ end, known, after }: TimelineQuery): Instant {
  const times = [known.recordedUntil + 1n]
  if (end !== undefined) times.push(end)
  if (after !== undefined) times.push(BigInt(after[0]!) + 1n)
  return times.reduce((a, b) => (a < b ? a : b)) as Instant
}

/** The last revision that was committed before a time. Said so, or PostgreSQL walks back over all revisions. */
const revisionBefore = (time: Instant): Sql =>
  sql`coalesce((select l.revision from ledger_commit l where l.committed_at < ${sqlTime(time)}
    order by l.committed_at desc, l.revision desc limit 1), 0)`

/** Rises with revision and ordinal, so that one instant has one order. */
const CHANGE_ID = sql`(lpad(to_hex(c.revision), 16, '0') || lpad(to_hex(c.ordinal), 16, '0'))::uuid`

const changeId = ({ revision, ordinal }: ChangeRow): string =>
  `${revision.toString(16).padStart(16, '0')}${ordinal.toString(16).padStart(16, '0')}`.replace(
    /^(.{8})(.{4})(.{4})(.{4})(.{12})$/,
    '$1-$2-$3-$4-$5',
  )

interface Told {
  name: string
  scopes: readonly Scope[]
  method: string
  reason: string
  principal: string
  /** What the client that asks calls itself. */
  owner?: string
}

function tell({ kind, body }: ChangeRow): Told | undefined {
  return kind === ResourceKind.lock ? tellLock(decodeBody('lock', body)) : tellHold(decodeBody('hold', body))
}

const END_METHODS: Partial<Record<Lock_EndCause, string>> = {
  [Lock_EndCause.RELEASED]: 'ReleaseLock',
  [Lock_EndCause.FORCED]: 'ForceReleaseLock',
  [Lock_EndCause.LEASE_REVOKED]: 'RevokeLease',
}

/** That a run begins or ends under a lock is told by the run. */
function tellLock(lock: Lock): Told | undefined {
  const { name, scopes } = lock
  if (lock.state === Lock_State.ENDED) {
    const method = END_METHODS[lock.endCause] ?? 'EndLock'
    return { name, scopes, method, reason: lock.endReason, principal: lock.endedBy || SERVER }
  }
  const { releaseRequest } = lock
  if (lock.state === Lock_State.HELD && lock.revision !== lock.fencingToken) {
    if (!jsonEqual(releaseRequest?.requestTime, lock.updateTime)) return undefined
    return {
      name,
      scopes,
      method: 'RequestRelease',
      reason: releaseRequest!.reason,
      principal: releaseRequest!.requestedBy,
    }
  }
  return {
    name,
    scopes,
    method: 'AcquireLock',
    reason: lock.reason,
    principal: lock.principal,
    owner: lock.owner,
  }
}

/** What is done by call has an event of its own. */
function tellHold(hold: Hold): Told | undefined {
  if (hold.state !== Hold_State.LIFTED || hold.liftCause === Hold_LiftCause.BY_HAND) return undefined
  const { name, scope, liftReason: reason, liftedBy } = hold
  return {
    name,
    scopes: scope === undefined ? [] : [scope],
    method: 'LiftHold',
    reason,
    principal: liftedBy || SERVER,
  }
}

function isAbout(scopes: readonly Scope[], { filter: { machine, service } }: TimelineQuery): boolean {
  if (machine === undefined && service === undefined) return true
  return scopes.some(
    (scope) =>
      (machine === undefined || scope.machine === machine) &&
      (service === undefined || scope.service === service),
  )
}

/** What is said of all its scopes, if it is one value. */
function common(scopes: readonly Scope[], dimension: 'environment' | 'service' | 'machine'): string {
  const [first] = scopes
  const value = first?.[dimension] ?? ''
  return value !== ANY && scopes.every((scope) => scope[dimension] === value) ? value : ''
}

const eventOf = ({ name, method, reason }: Told): Event['payload'] => ({
  $case: 'resourceAmended',
  value: { resource: name, method, reason },
})

/** As much of the entry as filters ask about. */
const entryOf = (told: Told): TimelineEntry =>
  ({
    event: { payload: eventOf(told) },
    source: API_SOURCE,
    principal: told.principal,
    author: told.owner || told.principal,
    environment: common(told.scopes, 'environment'),
  }) as TimelineEntry

const keyOf = (change: ChangeRow): TimelineKey => ({
  occurred_at: change.committed_at,
  source_id: SOURCE_ID,
  id: changeId(change),
})

function rowOf(change: ChangeRow, told: Told): TimelineRow {
  const { scopes, name, principal } = told
  const [machine, service] = [common(scopes, 'machine'), common(scopes, 'service')]
  const occurredTime = timestampFromInstant(change.committed_at as Instant)
  return {
    ...keyOf(change),
    recorded_at: change.committed_at,
    epoch: 0n,
    effect: TimelineEntry_Effect.CHANGED,
    principal,
    author: told.owner || null,
    environment: common(scopes, 'environment') || null,
    revision: change.revision,
    body: encode(Event, { id: changeId(change), seq: 0n, occurredTime, payload: eventOf(told) }),
    machine_id: null,
    service_id: null,
    told: {
      resource: name,
      source: API_SOURCE,
      machine: machine === '' ? '' : machineName(machine),
      service: service === '' ? '' : serviceName(service),
    },
  }
}
