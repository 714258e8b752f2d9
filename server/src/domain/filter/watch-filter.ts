import type { DiscoveryRule } from '../../../../proto/gen/holdfast/v1/discovery.ts'
import type { Hold } from '../../../../proto/gen/holdfast/v1/hold.ts'
import type { Lock } from '../../../../proto/gen/holdfast/v1/lock.ts'
import type { Facet } from '../../../../proto/gen/holdfast/v1/machine.ts'
import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import type { Resource } from '../../../../proto/gen/holdfast/v1/watch.ts'
import { KIND_NAMES, type KindMessage, type KindName, ResourceKind } from '../kind.ts'
import { DIMENSIONS } from '../locks/scope.ts'
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

/** What filters may name of whatever kind has it, as watch.proto says. */
const WATCHED = [
  ...['name', 'machine', 'service', 'slot', 'environment', 'state', 'lifecycle', 'labels'],
  ...['running_version', 'deployed_version', 'version', 'author', 'owner', 'principal'],
]

/** What filters may name of a kind: what lists of it know, and `more`. */
function watched<M>(kind: KindName, listed: FilterFields<M>, ...more: Field<M>[]): FilterFields<M> {
  const fields = WATCHED.map((name) => listed.get(name)).filter((field) => field !== undefined)
  return filterFields<M>(
    kindField(kind),
    ...fields.map((field) => (field.name === 'state' ? anyState(field) : field)),
    ...more,
  )
}

/**
 * `state` of a kind, which knows the states of the others, too, and that it is never in one of them: a filter may
 * name a state of one kind without being refused for the rest.
 */
function anyState<M>(own: Field<M>): Field<M> {
  return own.type === 'enum' ? { ...own, values: { ...NEVER_IN, ...own.values } } : own
}

const NEVER_IN = Object.fromEntries(
  [INSTANCE_FIELDS, LOCK_FIELDS, HOLD_FIELDS, FINDING_FIELDS, RUN_FIELDS].flatMap((fields) => {
    const state = (fields as FilterFields<never>).get('state')
    return state?.type === 'enum' ? Object.keys(state.values).map((name) => [name, -1]) : []
  }),
)

const COLLECTIONS = { environment: '', service: 'services/', machine: 'machines/' }

/** The parts of what a lock or hold covers, by the names that an instance has for them. A plain name has none. */
function scopeFields<M>(scopesOf: (message: M) => readonly Scope[]): Field<M>[] {
  return DIMENSIONS.map((name) => ({
    name,
    type: 'list',
    collection: COLLECTIONS[name],
    get: (message) =>
      scopesOf(message)
        .map((scope) => scope[name])
        .filter((part) => part !== ''),
  }))
}

const FIELDS: { [K in KindName]: FilterFields<KindMessage[K]> } = {
  machine: watched('machine', MACHINE_FIELDS),
  facet: filterFields<Facet>(
    kindField('facet'),
    { name: 'name', type: 'id', collection: 'machines/', get: (f) => machineId(f.name) },
    { name: 'machine', type: 'id', collection: 'machines/', get: (f) => machineId(f.machine) },
  ),
  service: watched('service', SERVICE_FIELDS),
  instance: watched('instance', INSTANCE_FIELDS),
  condition: watched('condition', CONDITION_FIELDS),
  lock: watched('lock', LOCK_FIELDS, ...scopeFields<Lock>((lock) => lock.scopes)),
  hold: watched(
    'hold',
    HOLD_FIELDS,
    ...scopeFields<Hold>((hold) => (hold.scope === undefined ? [] : [hold.scope])),
  ),
  finding: watched(
    'finding',
    FINDING_FIELDS,
    { name: 'environment', type: 'text', get: (f) => f.environment },
    { name: 'labels', type: 'map', get: (f) => f.labels },
  ),
  run: watched(
    'run',
    RUN_FIELDS,
    { name: 'principal', type: 'text', get: (r) => r.principal },
    { name: 'slot', type: 'text', get: (r) => r.slot },
  ),
  rule: filterFields<DiscoveryRule>(
    kindField('rule'),
    {
      name: 'name',
      type: 'id',
      collection: 'discoveryRules/',
      get: (rule) => rule.name.slice('discoveryRules/'.length),
    },
    { name: 'labels', type: 'map', get: (rule) => rule.labels },
  ),
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
