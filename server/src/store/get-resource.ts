import { type Facet, ProcessScan } from '../../../proto/gen/holdfast/v1/machine.ts'
import type { KindMessage } from '../domain/kind.ts'
import { machineName } from '../domain/resource-name.ts'
import { LISTINGS, type ListedKind } from './listed-kind.ts'
import type { ReadPoint } from './read-point.ts'
import { type ResourceRow, resourceOf, rowColumns } from './resource-row.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'

/** Each kind has a table of its name. Runs have a list of their own. */
const RUN = sql`run`

/** A resource by its full name as of a revision; undefined when there was none. */
export async function getResource<K extends ListedKind | 'run'>(
  store: Store,
  { kind, name, at }: { kind: K; name: string; at: ReadPoint },
): Promise<KindMessage[K] | undefined> {
  const table = kind === 'run' ? RUN : LISTINGS[kind as ListedKind].table
  const rows = await store.query<ResourceRow>(
    sql`select ${rowColumns(at, kind)} from ${table} t
      where t.name = ${name}::text and t.create_revision <= ${at.revision}`.toQuery(`get-${kind}-${at.now}`),
  )
  return rows[0] === undefined ? undefined : resourceOf(kind, rows[0], at)
}

/** The facets of a machine as of a revision, by name. */
export async function listFacets(
  store: Store,
  { machine, at }: { machine: string; at: ReadPoint },
): Promise<Facet[]> {
  const rows = await store.query<ResourceRow>(
    sql`select ${rowColumns(at, 'facet')} from facet t
      where t.machine_id = (select m.id from machine m where m.name = ${machineName(machine)}::text)
        and t.create_revision <= ${at.revision}
      order by t.name`.toQuery(`facets-${at.now}`),
  )
  return rows.map((row) => resourceOf('facet', row, at))
}

/** The last process scan of a machine. It has no history. */
export async function getProcessScan(store: Store, machine: string): Promise<ProcessScan | undefined> {
  const rows = await store.query<{ body: Buffer }>(
    sql`select s.body from process_scan s
      where s.machine_id = (select m.id from machine m where m.name = ${machineName(machine)}::text)`.toQuery(
      'process-scan',
    ),
  )
  return rows[0] === undefined ? undefined : ProcessScan.decode(rows[0].body)
}
