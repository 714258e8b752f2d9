import { Event } from '../../../proto/gen/holdfast/v1/event.ts'
import { type Hold, Hold_LiftCause, Hold_State } from '../../../proto/gen/holdfast/v1/hold.ts'
import { type Lock, Lock_EndCause, Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import type { Scope } from '../../../proto/gen/holdfast/v1/scope.ts'
import { type TimelineEntry, TimelineEntry_Effect } from '../../../proto/gen/holdfast/v1/timeline.ts'
import { encode } from '../../../runtime/encode.ts'
import { API_SOURCE } from '../domain/amendment.ts'
import { matcher } from '../domain/filter/matches.ts'
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
}

/**
 * What became of locks, and of holds that lifted themselves, as rows of the timeline: told from their changes, since a
 * lock and its release are worth no event of their own. Up to limit + 1 that pass the filter among the next `scan`, and
 * where it stopped if there may be more.
 */
export async function lockRows(
  store: Store,
  query: TimelineQuery,
  scan: number,
): Promise<{ rows: TimelineRow[]; stop: TimelineKey | undefined }> {
  const changes = await store.query<ChangeRow & { [column: string]: unknown }>(
    changesOf(query, scan).toQuery(statementName(query)),
  )
  const matches = matcher(query.filter.rest)
  const rows: TimelineRow[] = []
  for (const change of changes) {
    const told = tell(change)
    if (told === undefined || !isAbout(told.scopes, query) || !matches(entryOf(told))) continue
    rows.push(rowOf(change, told))
    if (rows.length > query.limit) return { rows, stop: rows.at(-1) }
  }
  const last = changes.at(-1)
  return { rows, stop: changes.length < scan || last === undefined ? undefined : keyOf(last) }
}

/** Its text is one of few, and planning it takes four times as long as running it. */
function statementName({ start, end, after, filter }: TimelineQuery): string {
  const asked = { start, end, after, machine: filter.machine, service: filter.service }
  const parts = Object.entries(asked).filter(([, value]) => value !== undefined)
  return ['timeline-locks', ...parts.map(([part]) => part)].join('-')
}

function changesOf({ start, end, recordedUntil, after, filter }: TimelineQuery, scan: number): Sql {
  const before = end !== undefined && end < recordedUntil ? end : recordedUntil
  const until = after === undefined ? before : (BigInt(after[0]!) as Instant)
  const bounds = sql`${start === undefined ? sql`true` : sql`c.committed_at >= ${sqlTime(start)}`}
    and ${end === undefined ? sql`true` : sql`c.committed_at < ${sqlTime(end)}`}
    and c.committed_at <= ${sqlTime(recordedUntil)}`
  const next =
    after === undefined
      ? sql`true`
      : sql`(c.committed_at, 0::int8, ${CHANGE_ID}) < (${sqlTime(until)}, ${after[1]!}::int8, ${after[2]!}::uuid)`
  // A first sieve: what a scope names is in its text. `isAbout` is exact.
  const names = [filter.machine, filter.service].filter((id) => id !== undefined)
  const sieve = names.map((id) => sql`strpos(t.scopes, ${id}::text) > 0`)
  const about =
    sieve.length === 0
      ? sql`true`
      : sql`exists (select 1 from (select scopes from lock where id = c.resource_id
          union all select scopes from hold where id = c.resource_id) t where ${joinSql(sieve, ' and ')})`
  return sql`select c.revision, c.ordinal, c.kind, ${sqlMicros(sql`c.committed_at`)} as committed_at, c.body
    from change c
    where c.kind in (6, 7) and c.revision > (select compacted from ledger where id = 1)
      and c.revision <= (select coalesce(max(l.revision), 0) from ledger_commit l where l.committed_at <= ${sqlTime(until)})
      and ${bounds} and ${next} and ${about}
    order by c.revision desc, c.ordinal desc limit ${scan}`
}

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
