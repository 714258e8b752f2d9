import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import { Finding_Decision, Finding_State } from '../../../proto/gen/holdfast/v1/discovery.ts'
import { Hold_State } from '../../../proto/gen/holdfast/v1/hold.ts'
import { Lock_EndCause, Lock_State } from '../../../proto/gen/holdfast/v1/lock.ts'
import { type Alias, Alias_Kind, Machine_Lifecycle } from '../../../proto/gen/holdfast/v1/machine.ts'
import { Run_State } from '../../../proto/gen/holdfast/v1/run.ts'
import { type Instance, Instance_State } from '../../../proto/gen/holdfast/v1/service.ts'
import type { FieldChange } from '../../../proto/gen/holdfast/v1/timeline.ts'
import type { Resource } from '../../../proto/gen/holdfast/v1/watch.ts'
import { instantFromTimestamp } from './instant.ts'
import { jsonEqual } from './json-equal.ts'
import { scopesText, scopeText } from './locks/scope.ts'
import { formatRfc3339 } from './rfc3339.ts'

/** What a resource tells of itself, flat: a field or attribute, and what it is. */
type Fields = Map<string, unknown>

/**
 * What changed from one state of a resource to the next, in the order of its fields; everything that is set,
 * for a resource that is new. Leaves out what only keeps the books: etag, revision, times of change and of
 * sight, and a machine's summary of its facets.
 */
export function fieldChanges(before: Resource | undefined, after: Resource): FieldChange[] {
  if (after.resource === undefined) return []
  const { name } = after.resource.value
  const old = fieldsOf(before)
  const now = fieldsOf(after)
  const changes: FieldChange[] = []
  for (const field of new Set([...old.keys(), ...now.keys()])) {
    const [oldValue, newValue] = [old.get(field), now.get(field)]
    if (jsonEqual(oldValue, newValue)) continue
    changes.push({ resource: name, field, oldValue: textOf(oldValue), newValue: textOf(newValue) })
  }
  return changes
}

function fieldsOf(resource: Resource | undefined): Fields {
  const fields: Fields = new Map()
  const set = (field: string, value: unknown): void => {
    if (value !== undefined && value !== '') fields.set(field, value)
  }
  const setAll = (prefix: string, values: Record<string, unknown> | undefined): void => {
    for (const [key, value] of Object.entries(values ?? {})) set(`${prefix}${key}`, value)
  }
  switch (resource?.resource?.$case) {
    case 'machine': {
      const machine = resource.resource.value
      set('lifecycle', nameIn(Machine_Lifecycle, machine.lifecycle))
      set('retire_time', timeOf(machine.retireTime))
      set('retire_reason', machine.retireReason)
      setAll('labels.', machine.labels)
      for (const alias of machine.aliases) set(`aliases.${aliasText(alias)}`, alias.value)
      for (const { alias, otherMachine } of machine.identityConflicts) {
        set(`identity_conflicts.${alias === undefined ? '' : aliasText(alias)}`, otherMachine)
      }
      break
    }
    case 'facet':
      setAll('', resource.resource.value.attributes)
      break
    case 'service': {
      const service = resource.resource.value
      set('kind', service.kind)
      set('owner', service.owner)
      setAll('labels.', service.labels)
      for (const { environment, version } of service.declaredVersions) {
        set(`declared_versions.${environment}`, version)
      }
      break
    }
    case 'instance':
      setInstance(resource.resource.value, set, setAll)
      break
    case 'rule': {
      const {
        name: _,
        uid,
        etag,
        createTime,
        updateTime,
        revision,
        builtin,
        deleteTime,
        labels,
        ...says
      } = resource.resource.value
      for (const [key, value] of Object.entries(says)) {
        const unset = value === 0 || value === false || (Array.isArray(value) && value.length === 0)
        if (!unset) set(snakeCase(key), value)
      }
      setAll('labels.', labels)
      set('delete_time', timeOf(deleteTime))
      break
    }
    case 'finding': {
      const finding = resource.resource.value
      set('state', nameIn(Finding_State, finding.state))
      set('decision', nameIn(Finding_Decision, finding.decision))
      set('version', finding.version)
      set('rule', finding.rule)
      set('service_kind', finding.serviceKind)
      set('environment', finding.environment)
      setAll('labels.', finding.labels)
      set('process.pid', finding.process?.pid)
      set('process.user.name', finding.process?.userName)
      set('process.executable.path', finding.process?.executablePath)
      set('listening_ports', finding.process?.listeningPorts.join(' '))
      break
    }
    case 'run': {
      const run = resource.resource.value
      set('state', nameIn(Run_State, run.state))
      set('message', run.message)
      set('exit_code', run.exitCode)
      for (const [count, value] of Object.entries(run.targets ?? {})) {
        if (value > 0) set(`targets.${count}`, value)
      }
      break
    }
    case 'lock': {
      const lock = resource.resource.value
      set('state', nameIn(Lock_State, lock.state))
      set('scopes', scopesText(lock.scopes))
      set('reason', lock.reason)
      set('owner', lock.owner)
      set('fencing_token', lock.fencingToken === 0n ? undefined : lock.fencingToken)
      set('end_cause', lock.endCause === 0 ? undefined : nameIn(Lock_EndCause, lock.endCause))
      set('ended_by', lock.endedBy)
      set('end_reason', lock.endReason)
      set('override_reason', lock.overrideReason)
      set('release_request', lock.releaseRequest?.reason)
      break
    }
    case 'hold': {
      const hold = resource.resource.value
      set('state', nameIn(Hold_State, hold.state))
      set('scope', hold.scope && scopeText(hold.scope))
      set('reason', hold.reason)
      set('until_time', timeOf(hold.untilTime))
      set('until_condition', hold.untilCondition)
      set('when', hold.when)
      set('allows', hold.allows.length === 0 ? undefined : hold.allows)
      set('lifted_by', hold.liftedBy)
      set('lift_reason', hold.liftReason)
      break
    }
    case 'condition': {
      const condition = resource.resource.value
      set('satisfy_time', timeOf(condition.satisfyTime))
      set('satisfied_by', condition.satisfiedBy)
      set('reason', condition.reason)
      set('revoke_time', timeOf(condition.revokeTime))
      set('revoked_by', condition.revokedBy)
      break
    }
  }
  return fields
}

function setInstance(
  instance: Instance,
  set: (field: string, value: unknown) => void,
  setAll: (prefix: string, values: Record<string, unknown>) => void,
): void {
  set('state', nameIn(Instance_State, instance.state))
  set('running_version', instance.runningVersion)
  set('deployed_version', instance.deployedVersion)
  set('deployment_id', instance.deploymentId)
  set('uncertain_deployment', instance.uncertainDeployment?.version)
  set('environment', instance.environment)
  set('process.pid', instance.process?.pid)
  set('exit_code', instance.exitCode)
  setAll('labels.', instance.labels)
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

const aliasText = ({ kind, value }: Alias): string => `${nameIn(Alias_Kind, kind)}.${value}`

const timeOf = (time: Timestamp | undefined): string | undefined =>
  time === undefined ? undefined : formatRfc3339(instantFromTimestamp(time))

type EnumValues = Readonly<Record<string, number | string>>

/** A page of the timeline asks thousands of times. */
const enumNames = new Map<EnumValues, ReadonlyMap<number | string, string>>()

function nameIn(values: EnumValues, value: number): string {
  let names = enumNames.get(values)
  if (names === undefined) {
    names = new Map(Object.entries(values).map(([name, number]) => [number, name]))
    enumNames.set(values, names)
  }
  return names.get(value) ?? String(value)
}

const MAX_VALUE_LENGTH = 1024

function textOf(value: unknown): string {
  if (value === undefined) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text.length <= MAX_VALUE_LENGTH ? text : `${text.slice(0, MAX_VALUE_LENGTH - 1)}…`
}
