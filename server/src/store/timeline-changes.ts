import type { FieldChange } from '../../../proto/gen/holdfast/v1/timeline.ts'
import { fieldChanges } from '../domain/field-changes.ts'
import { decodeResource, kindName } from '../domain/kind.ts'
import { type Sql, sql } from './sql.ts'
import type { Store } from './store.ts'
import type { TimelineRow } from './timeline-events.ts'

/** What an entry tells of what it changed. */
const MAX_FIELD_CHANGES = 100
/** Resources of one entry that are looked at for it: a deployment may have changed a thousand. */
const MAX_RESOURCES = 32

interface ChangeRow {
  revision: bigint
  kind: number
  /** In base64, as `before` is: two thirds of hexadecimal, and quicker read. */
  body: string
  before: string | null
}

/**
 * What the events changed, by their revision, from the changes of the revision and those before them. Nothing for
 * a revision that is compacted. On the timeline of one machine, an event about several tells that one's changes.
 */
export async function timelineChanges(
  store: Store,
  { rows, machine }: { rows: TimelineRow[]; machine: bigint | undefined },
): Promise<(row: TimelineRow) => FieldChange[]> {
  const whole = new Set<bigint>()
  const ofMachine: TimelineRow[] = []
  for (const row of rows) {
    if (row.revision === null) continue
    if (machine !== undefined && row.machine_id === null && row.service_id !== null) ofMachine.push(row)
    else whole.add(row.revision)
  }
  const found = await Promise.all([
    whole.size === 0 ? [] : store.query<ChangeRow>(changesOf([...whole]).toQuery('timeline-changes')),
    ofMachine.length === 0
      ? []
      : store.query<ChangeRow>(changesOfMachine(ofMachine, machine!).toQuery('timeline-machine-changes')),
  ])
  const byRevision = Map.groupBy(found.flat(), ({ revision }) => revision)
  return ({ revision, told }) => {
    const changes: FieldChange[] = []
    for (const { kind, body, before } of (revision !== null && byRevision.get(revision)) || []) {
      const name = kindName(kind)
      const after = decodeResource(name, Buffer.from(body, 'base64'))
      if (told !== undefined && after.resource?.value.name !== told.resource) continue
      const old = before === null ? undefined : decodeResource(name, Buffer.from(before, 'base64'))
      changes.push(...fieldChanges(old, after))
      if (changes.length >= MAX_FIELD_CHANGES) break
    }
    return changes.slice(0, MAX_FIELD_CHANGES)
  }
}

const COLUMNS = sql`c.revision, c.kind, encode(c.body, 'base64') as body, (
  select encode(p.body, 'base64') from change p where p.resource_id = c.resource_id and p.revision < c.revision
  order by p.revision desc limit 1
) as before`

// At the compacted revision and before, what was there before a change may be gone.
const KEPT = sql`c.revision > (select l.compacted from ledger l where l.id = 1)`

function changesOf(revisions: bigint[]): Sql {
  return sql`select ${COLUMNS} from unnest(${revisions}::int8[]) r(revision) cross join lateral (
      select * from change c where c.revision = r.revision order by c.ordinal limit ${MAX_RESOURCES}
    ) c where ${KEPT} order by c.revision, c.ordinal`
}

function changesOfMachine(rows: TimelineRow[], machine: bigint): Sql {
  const revisions = rows.map(({ revision }) => revision!)
  const services = rows.map(({ service_id }) => service_id!)
  return sql`select ${COLUMNS} from unnest(${revisions}::int8[], ${services}::int8[]) r(revision, service_id)
    join instance i on i.machine_id = ${machine} and i.service_id = r.service_id
    join change c on c.resource_id = i.id and c.revision = r.revision
    where ${KEPT} order by c.revision, c.ordinal`
}
