import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import { type Instant, NEVER, timestampFromInstant } from '../domain/instant.ts'
import { decodeBody, isObserved, type KindMessage, type KindName } from '../domain/kind.ts'
import { revisionCompacted } from '../domain/lost-position.ts'
import { freshnessOf } from './freshness.ts'
import { currentBody } from './loaded-row.ts'
import type { ReadPoint } from './read-point.ts'
import { Sql, sql, sqlMicros } from './sql.ts'
import type { WireRow } from './wire-row.ts'

/** A resource as it was at a revision. */
export interface ResourceRow {
  name: string
  /** Whether the row has not changed since, so that its columns are those of the revision. */
  current: boolean
  /** In base64; null when what it was is no longer kept. */
  body: string | null
  /** Microseconds; null unless asked for. */
  observed_at: bigint | null
  /** The number of its Freshness, in a read of now. */
  freshness?: number | null
}

/**
 * The columns of a ResourceRow for rows `t`: from the row where it has not changed since the revision, else
 * from the newest change before. One statement sees one state of both, so nothing falls in between.
 */
export function rowColumns(at: ReadPoint, kind: KindName): Sql {
  return sql`${stateColumns(at, kind)}, encode(${bodyAt(at.revision, kind)}, 'base64') as body`
}

/** The columns of a ResourceRow but its body. */
export function stateColumns({ revision, now }: ReadPoint, kind: KindName): Sql {
  const seen =
    isObserved(kind) && now
      ? sql`case when t.revision <= ${revision} then ${sqlMicros(sql`t.observed_at`)} end`
      : sql`null::int8`
  const fresh = now ? freshnessOf(kind) : sql`0`
  return sql`t.name, t.revision <= ${revision} as current, ${seen} as observed_at, ${fresh} as freshness`
}

export const bodyAt = (
  revision: bigint,
  kind: KindName,
): Sql => sql`case when t.revision <= ${revision} then ${new Sql([currentBody(kind, 't')], [])} else (
  select c.body from change c where c.resource_id = t.id and c.revision <= ${revision} order by c.revision desc limit 1
) end`

/** The resource of a row. Throws REVISION_COMPACTED when a compaction took it meanwhile. */
export function resourceOf<K extends KindName>(kind: K, row: ResourceRow, at: ReadPoint): KindMessage[K] {
  const resource = decodeBody(kind, storedBody(row, at))
  const observedTime = observedTimeOf(row)
  if (observedTime !== undefined) Object.assign(resource, { observedTime })
  if (row.freshness) Object.assign(resource, { freshness: row.freshness })
  return resource
}

/** The number of `observed_time` in the message of each kind that has it. */
const OBSERVED_TIME: Partial<Record<KindName, number>> = { machine: 14, instance: 20, finding: 21 }

/**
 * The resource of a row as protobuf, without decoding what is stored: decoding and encoding a thousand
 * instances again takes 8 ms. Throws as `resourceOf`.
 */
export function wireOf(kind: KindName, row: ResourceRow, at: ReadPoint): WireRow {
  const body = bodyOf(row, at)
  const pieces: (string | Uint8Array)[] = [body]
  const freshness = freshnessField(kind, row)
  if (freshness !== undefined) pieces.push(freshness)
  const field = OBSERVED_TIME[kind]
  if (row.observed_at !== null && row.observed_at !== NEVER && field !== undefined) {
    pieces.push(timeField(field, row.observed_at))
  }
  return pieces
}

/** The number of `freshness` in the message of each kind that has it. */
const FRESHNESS: { readonly [K in KindName]?: number } = { machine: 18, instance: 24, finding: 28 }

function freshnessField(kind: KindName, { freshness }: ResourceRow): Uint8Array | undefined {
  const field = FRESHNESS[kind]
  if (field === undefined || !freshness) return undefined
  // Two bytes of tag, as for every field from 16 to 2047, and one of value.
  const tag = field * 8
  return Uint8Array.of((tag % 128) | 0x80, tag >> 7, freshness)
}

/** When the instance or machine of a row was last seen, where the row says so. */
export function observedTimeOf({ observed_at }: ResourceRow): Timestamp | undefined {
  if (observed_at === null || observed_at === NEVER) return undefined
  return timestampFromInstant(observed_at as Instant)
}

/** A time as a field of a message: what comes last of a field counts. */
function timeField(field: number, micros: bigint): Uint8Array {
  const { seconds, nanos } = timestampFromInstant(micros as Instant)
  const bytes = Buffer.allocUnsafe(24)
  let at = 0
  const varint = (value: number): void => {
    for (; value > 0x7f; value = Math.floor(value / 128)) bytes[at++] = (value % 128) | 0x80
    bytes[at++] = value
  }
  varint(field * 8 + 2)
  const length = at++
  // Readers may merge it into the one before: so zeros are written, too.
  bytes[at++] = 0x08
  varint(Number(seconds))
  bytes[at++] = 0x10
  varint(nanos)
  bytes[length] = at - length - 1
  return bytes.subarray(0, at)
}

/** What is stored of a row's resource. Throws as `resourceOf`. */
export const storedBody = (row: ResourceRow, at: ReadPoint): Buffer => Buffer.from(bodyOf(row, at), 'base64')

function bodyOf({ body }: ResourceRow, { revision }: ReadPoint): string {
  if (body === null) throw revisionCompacted(revision, revision + 1n)
  return body
}
