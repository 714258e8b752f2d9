import type { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import type { Hold } from '../../../../proto/gen/holdfast/v1/hold.ts'
import type { Lock } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Facet } from '../../../../proto/gen/holdfast/v1/machine.ts'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import type { Instance } from '../../../../proto/gen/holdfast/v1/service.ts'
import type { Resource } from '../../../../proto/gen/holdfast/v1/watch.ts'
import { KIND_NAMES, type KindMessage, type KindName, ResourceKind } from '../kind.ts'
import { bindFilter } from './bind-filter.ts'
import { type Field, type FilterFields, filterFields } from './field.ts'
import { and, type Filter, not, or } from './filter.ts'
import { matcher } from './matches.ts'
import { canonicalFilter, parseFilter } from './parser.ts'
import {
  CONDITION_FIELDS,
  FINDING_FIELDS,
  HOLD_FIELDS,
  INSTANCE_FIELDS,
  LOCK_FIELDS,
  MACHINE_FIELDS,
  machineId,
  RUN_FIELDS,
  SERVICE_FIELDS,
} from './resource-fields.ts'

/** A filter over all kinds of resource at once. */
export interface WatchFilter {
  /** The filter in one spelling: watches with equal keys see the same. Empty when everything passes. */
  key: string
  /** The kinds of which any resource can pass. */
  kinds: readonly KindName[]
  matches: (resource: Resource) => boolean
}

/** Reads the filter of a watch. Throws FILTER_INVALID, also for a field that no kind has. */
export function compileWatchFilter(text: string): WatchFilter {
  const expression = parseFilter(text)
  const matchers: Partial<Record<KindName, (message: never) => boolean>> = {}
  const kinds: KindName[] = []
  for (const kind of KIND_NAMES) {
    const fields = FIELDS[kind] as FilterFields<unknown>
    const filter = foldKind(bindFilter(expression, fields, ALL_FIELDS))
    if (filter.type === 'constant' && !filter.value) continue
    kinds.push(kind)
    matchers[kind] = matcher(filter)
  }
  return {
    key: canonicalFilter(expression),
    kinds,
    matches: ({ resource }) =>
      resource !== undefined && (matchers[resource.$case]?.(resource.value as never) ?? false),
  }
}

const KINDS = Object.fromEntries(KIND_NAMES.map((name) => [name.toUpperCase(), ResourceKind[name]]))

function kindField(kind: KindName): Field<unknown> {
  return { name: 'kind', type: 'enum', values: KINDS, get: () => ResourceKind[kind] }
}

function pick<M>(kind: KindName, fields: FilterFields<M>, ...names: string[]): FilterFields<M> {
  return filterFields<M>(kindField(kind), ...names.map((name) => fields.get(name)!))
}

const withFields = <M>(fields: FilterFields<M>, ...more: Field<M>[]): FilterFields<M> =>
  filterFields<M>(...fields.values(), ...more)

/**
 * `state` of a kind, which knows the states of the others, too, and that it is never in one of them: a filter may
 * name a state of one kind without being refused for the rest.
 */
function stateField<M>(fields: FilterFields<M>): Field<M> {
  const own = fields.get('state') as Field<M> & { type: 'enum' }
  const others = [INSTANCE_FIELDS, LOCK_FIELDS, HOLD_FIELDS].flatMap((all) =>
    Object.keys((all.get('state') as Field<never> & { type: 'enum' }).values),
  )
  return { ...own, values: { ...Object.fromEntries(others.map((name) => [name, -1])), ...own.values } }
}

/** The parts of what a lock or hold covers, by the names that an instance has for them. */
function scopeFields<M>(scopesOf: (message: M) => readonly Scope[]): Field<M>[] {
  return (['environment', 'service', 'machine'] as const).map((name) => ({
    name,
    type: 'list',
    get: (message) => scopesOf(message).map((scope) => scope[name]),
  }))
}

const FIELDS: { [K in KindName]: FilterFields<KindMessage[K]> } = {
  machine: pick('machine', MACHINE_FIELDS, 'name', 'lifecycle', 'labels'),
  facet: filterFields<Facet>(
    kindField('facet'),
    { name: 'name', type: 'id', collection: 'machines/', get: (f) => machineId(f.name) },
    { name: 'machine', type: 'id', collection: 'machines/', get: (f) => machineId(f.machine) },
  ),
  service: pick('service', SERVICE_FIELDS, 'name', 'labels'),
  instance: withFields(
    pick(
      'instance',
      INSTANCE_FIELDS,
      ...[
        'name',
        'machine',
        'service',
        'environment',
        'running_version',
        'deployed_version',
        'slot',
        'labels',
      ],
    ),
    stateField<Instance>(INSTANCE_FIELDS),
  ),
  condition: pick('condition', CONDITION_FIELDS, 'name'),
  lock: withFields(
    pick('lock', LOCK_FIELDS, 'name', 'owner', 'principal'),
    stateField<Lock>(LOCK_FIELDS),
    ...scopeFields<Lock>((lock) => lock.scopes),
  ),
  hold: withFields(
    pick('hold', HOLD_FIELDS, 'name', 'author'),
    stateField<Hold>(HOLD_FIELDS),
    ...scopeFields<Hold>((hold) => (hold.scope === undefined ? [] : [hold.scope])),
  ),
  finding: pick('finding', FINDING_FIELDS, 'name', 'machine', 'service', 'slot'),
  run: pick('run', RUN_FIELDS, 'name', 'service', 'environment', 'version', 'author', 'labels'),
  rule: filterFields<DiscoveryRule>(kindField('rule'), {
    name: 'name',
    type: 'id',
    collection: 'discoveryRules/',
    get: (rule) => rule.name.slice('discoveryRules/'.length),
  }),
}

const ALL_FIELDS: FilterFields<never> = new Map(
  KIND_NAMES.flatMap((kind): [string, Field<never>][] => [...(FIELDS[kind] as FilterFields<never>)]),
)

/** Answers questions about the kind, so that a filter on one kind shows that the others cannot pass. */
function foldKind(filter: Filter<unknown>): Filter<unknown> {
  switch (filter.type) {
    case 'constant':
      return filter
    case 'and':
      return and(filter.terms.map(foldKind))
    case 'or':
      return or(filter.terms.map(foldKind))
    case 'not':
      return not(foldKind(filter.term))
    case 'test':
      return filter.field.name === 'kind' ? { type: 'constant', value: matcher(filter)(undefined) } : filter
  }
}
