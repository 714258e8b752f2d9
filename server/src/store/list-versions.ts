import { Freshness } from '../../../proto/gen/holdfast/v1/machine.ts'
import type { Instance, Service, Service_DeclaredVersion } from '../../../proto/gen/holdfast/v1/service.ts'
import { type VersionCell, VersionCell_Drift } from '../../../proto/gen/holdfast/v1/version.ts'
import { driftOf, driftSince } from '../domain/drift.ts'
import type { Filter } from '../domain/filter/filter.ts'
import { matcher } from '../domain/filter/matches.ts'
import type { VersionFilter } from '../domain/filter/version-filter.ts'
import { type InstanceVersions, instanceVersions } from '../domain/instance-versions.ts'
import { machineName, parseInstanceName, serviceName } from '../domain/resource-name.ts'
import { freshnessOf } from './freshness.ts'
import { LISTINGS } from './listed-kind.ts'
import type { Page } from './page.ts'
import type { ReadPoint } from './read-point.ts'
import { observedTimeOf, type ResourceRow, resourceOf, rowColumns, storedBody } from './resource-row.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'
import { walkRows } from './walk-rows.ts'

export interface VersionQuery {
  filter: VersionFilter
  at: ReadPoint
  /** The `next` of the page before. */
  after: string[] | undefined
  limit: number
}

/** The parts of a key: service, machine, slot. */
export const VERSION_KEY_LENGTH = 3

/** Cells looked at for one page at the most, where it is asked of cells; then the page is short. */
const MAX_LOOKED_AT = 5000

/** Declared, deployed and running versions side by side as of one revision, by service, machine and slot. */
export async function listVersions(
  store: Store,
  { filter, at, after, limit }: VersionQuery,
): Promise<Page<VersionCell>> {
  if (filter.cell.type === 'constant') {
    if (!filter.cell.value) return { resources: [], next: undefined }
    return await cellsAfter(store, { filter: filter.instance, at, after, limit })
  }
  const matches = matcher(filter.cell)
  const found: VersionCell[] = []
  let position = after
  for (let looked = 0; looked < MAX_LOOKED_AT; ) {
    const page = await cellsAfter(store, { filter: filter.instance, at, after: position, limit: 1000 })
    for (const cell of page.resources) {
      if (matches(cell)) {
        if (found.length === limit) return { resources: found, next: position }
        found.push(cell)
      }
      position = keyOf(cell.instance)
    }
    if (page.next === undefined) return { resources: found, next: undefined }
    position = page.next
    looked += Math.max(page.resources.length, 1)
  }
  return { resources: found, next: position }
}

function keyOf(instance: string): string[] {
  const { service, machine, slot } = parseInstanceName(instance)!
  return [service, machine, slot]
}

async function cellsAfter(
  store: Store,
  query: { filter: Filter<Instance>; at: ReadPoint; after: string[] | undefined; limit: number },
): Promise<Page<VersionCell>> {
  const { resources: rows, next } = await walkRows(store, {
    listing: LISTINGS.instance,
    order: { columns: [sql`t.service`, sql`t.machine`, sql`t.slot`], descending: false },
    keyOf: ({ name }) => keyOf(name),
    ...query,
  })
  const instances = rows.map((row): VersionRow => {
    const { machine, service, slot } = parseInstanceName(row.name)!
    const names = { instance: row.name, machine: machineName(machine), service: serviceName(service), slot }
    const versions = instanceVersions(storedBody(row, query.at))
    versions.observedTime = observedTimeOf(row) ?? versions.observedTime
    return { ...names, ...versions, freshness: (row.freshness ?? Freshness.UNSPECIFIED) as Freshness }
  })
  const [declared] = await Promise.all([
    declaredVersions(store, instances, query.at),
    query.at.now ? freshenByMachine(store, instances) : undefined,
  ])
  // The instances of a service have few versions between them, and comparing two takes longer than decoding.
  const drifts = new Map<string, VersionCell_Drift>()
  return { resources: instances.map((instance) => cellOf(instance, declared, drifts)), next }
}

type VersionRow = InstanceVersions &
  Pick<VersionCell, 'instance' | 'machine' | 'service' | 'slot' | 'freshness'>

/** An instance that nobody reports by itself is as fresh as its machine. */
async function freshenByMachine(store: Store, instances: VersionRow[]): Promise<void> {
  const unknown = instances.filter(({ freshness }) => freshness === Freshness.UNSPECIFIED)
  const names = [...new Set(unknown.map(({ machine }) => machine))]
  if (names.length === 0) return
  const rows = await store.query<{ name: string; freshness: Freshness }>(
    sql`select t.name, ${freshnessOf('machine')} as freshness from machine t
      where t.name = any(${names}::text[]) and t.report_interval_ms > 0`.toQuery('machines-freshness'),
  )
  const byName = new Map(rows.map(({ name, freshness }) => [name, freshness]))
  for (const instance of unknown) instance.freshness = byName.get(instance.machine) ?? Freshness.UNSPECIFIED
}

/** What is declared, by service name and environment. */
type Declared = Map<string, Map<string, Service_DeclaredVersion>>

async function declaredVersions(store: Store, instances: VersionRow[], at: ReadPoint): Promise<Declared> {
  const names = [...new Set(instances.map(({ service }) => service))]
  if (names.length === 0) return new Map()
  const rows = await store.query<ResourceRow>(
    sql`select ${rowColumns(at, 'service')} from service t
      where t.name = any(${names}::text[]) and t.create_revision <= ${at.revision}`.toQuery('services-named'),
  )
  const services = rows.map((row): Service => resourceOf('service', row, at))
  return new Map(
    services.map(({ name, declaredVersions }) => [
      name,
      new Map(declaredVersions.map((declared) => [declared.environment, declared])),
    ]),
  )
}

function cellOf(row: VersionRow, declared: Declared, drifts: Map<string, VersionCell_Drift>): VersionCell {
  const standing = declared.get(row.service)?.get(row.environment)
  const { deployedVersion: deployed, runningVersion: running, state, uncertainDeployment, freshness } = row
  const versions = { declared: standing?.version ?? '', deployed, running, state }
  const key = JSON.stringify(versions)
  const known = drifts.get(key) ?? driftOf(versions)
  drifts.set(key, known)
  const drift = uncertainDeployment === undefined ? known : VersionCell_Drift.UNCERTAIN
  const driftTime = driftSince(drift, {
    declared: standing?.declareTime,
    deployed: row.deployTime,
    state: row.stateTime,
    abandoned: uncertainDeployment?.abandonTime,
  })
  const stale = freshness === Freshness.LATE || freshness === Freshness.SILENT
  return { ...row, declaredVersion: versions.declared, drift, driftTime, stale }
}
