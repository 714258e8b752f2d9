import type { Freshness } from '../../../proto/gen/holdfast/v1/machine.ts'
import type { Instance, Service } from '../../../proto/gen/holdfast/v1/service.ts'
import { type VersionCell, VersionCell_Drift } from '../../../proto/gen/holdfast/v1/version.ts'
import { driftOf } from '../domain/drift.ts'
import type { Filter } from '../domain/filter/filter.ts'
import { type InstanceVersions, instanceVersions } from '../domain/instance-versions.ts'
import { machineName, parseInstanceName, serviceName } from '../domain/resource-name.ts'
import { LISTINGS } from './listed-kind.ts'
import type { Page } from './page.ts'
import type { ReadPoint } from './read-point.ts'
import { observedTimeOf, type ResourceRow, resourceOf, rowColumns, storedBody } from './resource-row.ts'
import { sql } from './sql.ts'
import type { Store } from './store.ts'
import { walkRows } from './walk-rows.ts'

export interface VersionQuery {
  filter: Filter<Instance>
  at: ReadPoint
  /** The `next` of the page before. */
  after: string[] | undefined
  limit: number
}

/** The parts of a key: service, machine, slot. */
export const VERSION_KEY_LENGTH = 3

/** Declared, deployed and running versions side by side as of one revision, by service, machine and slot. */
export async function listVersions(store: Store, query: VersionQuery): Promise<Page<VersionCell>> {
  const { resources: rows, next } = await walkRows(store, {
    listing: LISTINGS.instance,
    order: { columns: [sql`t.service`, sql`t.machine`, sql`t.slot`], descending: false },
    keyOf: ({ name }) => {
      const { service, machine, slot } = parseInstanceName(name)!
      return [service, machine, slot]
    },
    ...query,
  })
  const instances = rows.map((row): VersionRow => {
    const { machine, service, slot } = parseInstanceName(row.name)!
    const names = { instance: row.name, machine: machineName(machine), service: serviceName(service), slot }
    const versions = instanceVersions(storedBody(row, query.at))
    versions.observedTime = observedTimeOf(row) ?? versions.observedTime
    return { ...names, ...versions, freshness: (row.freshness ?? 0) as Freshness }
  })
  const declared = await declaredVersions(store, instances, query.at)
  // The instances of a service have few versions between them, and comparing two takes longer than decoding.
  const drifts = new Map<string, VersionCell_Drift>()
  return { resources: instances.map((instance) => cellOf(instance, declared, drifts)), next }
}

type VersionRow = InstanceVersions &
  Pick<VersionCell, 'instance' | 'machine' | 'service' | 'slot' | 'freshness'>

/** Declared versions by service name and environment. */
type Declared = Map<string, Map<string, string>>

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
      new Map(declaredVersions.map(({ environment, version }) => [environment, version])),
    ]),
  )
}

function cellOf(row: VersionRow, declared: Declared, drifts: Map<string, VersionCell_Drift>): VersionCell {
  const declaredVersion = declared.get(row.service)?.get(row.environment) ?? ''
  const { deployedVersion: deployed, runningVersion: running, state } = row
  const versions = { declared: declaredVersion, deployed, running, state }
  if (row.uncertainDeployment !== undefined) {
    return { ...row, declaredVersion, drift: VersionCell_Drift.UNCERTAIN }
  }
  const known = JSON.stringify(versions)
  const drift = drifts.get(known) ?? driftOf(versions)
  drifts.set(known, drift)
  return { ...row, declaredVersion, drift }
}
