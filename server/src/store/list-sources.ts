import type { Source } from '../../../proto/gen/holdfast/v1/admin_service.ts'
import { type Instant, timestampFromInstant } from '../domain/instant.ts'
import { parseGaps } from './load-batch.ts'
import type { Page } from './page.ts'
import { sql, sqlMicros } from './sql.ts'
import type { Store } from './store.ts'

/** Numberings of a source that are told. */
const MAX_NUMBERINGS = 16
/** Gaps of a numbering that are told. */
const MAX_GAPS = 1000

interface SourceRow {
  id: bigint
  name: string
  created_at: bigint
  last_contact_at: bigint
}

interface EpochRow {
  source_id: bigint
  epoch: bigint
  high_water: bigint
  gaps: string
}

/** A page of sources by name, with their high-water marks and gaps. */
export async function listSources(
  store: Store,
  { after, limit }: { after: string[] | undefined; limit: number },
): Promise<Page<Source>> {
  const rows = await store.query<SourceRow>(
    sql`select s.id, s.name, ${sqlMicros(sql`s.created_at`)} as created_at,
        ${sqlMicros(sql`s.last_contact_at`)} as last_contact_at
      from source s where s.name > ${after?.[0] ?? ''}::text order by s.name limit ${limit + 1}`.toQuery(
      'sources',
    ),
  )
  const page = rows.slice(0, limit)
  const epochs = await store.query<EpochRow>(
    sql`select e.source_id, e.epoch, e.high_water, e.gaps::text as gaps
      from unnest(${page.map(({ id }) => id)}::int8[]) s(id) cross join lateral (
        select * from source_epoch where source_id = s.id order by epoch desc limit ${MAX_NUMBERINGS}
      ) e order by e.source_id, e.epoch desc`.toQuery('source-epochs'),
  )
  const bySource = Map.groupBy(epochs, ({ source_id }) => source_id)
  return {
    resources: page.map((row) => ({
      source: row.name,
      createTime: timestampFromInstant(row.created_at as Instant),
      lastContactTime: timestampFromInstant(row.last_contact_at as Instant),
      numberings: (bySource.get(row.id) ?? []).map(({ epoch, high_water, gaps }) => ({
        epoch,
        highWater: high_water,
        gaps: parseGaps(gaps)
          .slice(0, MAX_GAPS)
          .map(([first, last]) => ({ first: BigInt(first), last: BigInt(last) })),
      })),
    })),
    next: rows.length > limit ? [page.at(-1)!.name] : undefined,
  }
}
