import { sql } from './sql.ts'
import type { Store } from './store.ts'
import type { TimelineRow } from './timeline-events.ts'

/** Names by id. */
export interface TimelineNames {
  machine: Map<bigint, string>
  service: Map<bigint, string>
  source: Map<bigint, string>
}

/**
 * Who a page's events name. A statement of its own, beside the one for field changes: of the 6.1 ms that
 * a page of 1,000 of a service took, subqueries for each row were 5 (5 million events); as joins, the planner reads the whole of `source`.
 */
export async function timelineNames(store: Store, rows: readonly TimelineRow[]): Promise<TimelineNames> {
  const names: TimelineNames = { machine: new Map(), service: new Map(), source: new Map() }
  if (rows.length === 0) return names
  const ids = (of: (row: TimelineRow) => bigint | null): bigint[] => [
    ...new Set(rows.map(of).filter((id) => id !== null)),
  ]
  const found = await store.query<{ kind: keyof TimelineNames; id: bigint; name: string }>(
    sql`select 'machine' as kind, id, name from machine where id = any(${ids((row) => row.machine_id)}::int8[])
      union all select 'service', id, name from service where id = any(${ids((row) => row.service_id)}::int8[])
      union all select 'source', id, name from source where id = any(${ids((row) => row.source_id)}::int8[])`.toQuery(
      'timeline-names',
    ),
  )
  for (const { kind, id, name } of found) names[kind].set(id, name)
  return names
}
