import { Freshness } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { type Instance, Instance_State } from '../../../../proto/gen/holdfast/v1/service.ts'
import { invalidRequest } from '../error.ts'
import { idOf, instanceName, MAIN_SLOT, serviceName } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'

/** The environment of an instance of which nobody ever said another. */
export const DEFAULT_ENVIRONMENT = 'production'

/** The service of this id; made if it is new. */
export function resolveService(state: WorkingSet, id: string): Row<'service'> {
  const name = serviceName(id)
  return (
    state.find('service', name) ??
    state.put('service', {
      name,
      uid: state.newUid(),
      etag: '',
      labels: {},
      createTime: undefined,
      updateTime: undefined,
      revision: 0n,
      kind: '',
      owner: '',
      declaredVersions: [],
    })
  )
}

/** The instance at machine × service × slot as it stands, or as it would begin. Nothing is put yet. */
export function instanceAt(
  state: WorkingSet,
  machine: Row<'machine'>,
  { service, slot }: { service: string; slot: string },
): { row: Row<'instance'> | undefined; instance: Instance } {
  const key = { machine: idOf(machine.resource.name), service, slot: slot || MAIN_SLOT }
  const name = instanceName(key)
  const row = state.find('instance', name)
  return {
    row,
    instance: row?.resource ?? {
      name,
      uid: state.newUid(),
      etag: '',
      labels: {},
      createTime: undefined,
      updateTime: undefined,
      revision: 0n,
      machine: machine.resource.name,
      service: serviceName(service),
      slot: key.slot,
      environment: DEFAULT_ENVIRONMENT,
      state: Instance_State.KNOWN,
      stateTime: undefined,
      runningVersion: '',
      deployedVersion: '',
      deployTime: undefined,
      deploymentId: '',
      process: undefined,
      exitCode: undefined,
      observedTime: undefined,
      runningBasis: undefined,
      deployedBasis: undefined,
      reportInterval: undefined,
      freshness: Freshness.UNSPECIFIED,
      uncertainDeployment: undefined,
    },
  }
}

/** The most labels of one resource. */
export const MAX_LABELS = 64

/**
 * Labels with `given` set over them, which came in `field`; undefined when that changes nothing. An empty value removes
 * a label. Throws INVALID_REQUEST when there would be too many: that does not pass by itself.
 */
export function mergedLabels(
  labels: Record<string, string>,
  given: Record<string, string>,
  field = 'labels',
): Record<string, string> | undefined {
  const merged = { ...labels }
  let changed = false
  for (const [key, value] of Object.entries(given)) {
    const stands = Object.hasOwn(merged, key)
    if (value === '' ? !stands : stands && merged[key] === value) continue
    changed = true
    if (value === '') delete merged[key]
    else merged[key] = value
  }
  if (!changed) return undefined
  const count = Object.keys(merged).length
  if (count <= MAX_LABELS || count <= Object.keys(labels).length) return merged
  const description = `there would be ${count} labels; a resource has at most ${MAX_LABELS}. Remove some by setting them to nothing`
  throw invalidRequest([{ field, description }])
}
