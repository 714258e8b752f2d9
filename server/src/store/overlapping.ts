import type { Scope } from '../../../proto/gen/holdfast/v1/scope.ts'
import type { Field } from '../domain/filter/field.ts'
import { and, type Filter } from '../domain/filter/filter.ts'
import type { KindMessage } from '../domain/kind.ts'
import { normalScope, overlaps } from '../domain/locks/scope.ts'
import type { ListedKind, Listing } from './listed-kind.ts'
import { type Sql, sql } from './sql.ts'

const FIELD = 'overlaps'
const YES = 'yes'

/** A listing of locks or holds with one field more: whether it overlaps a scope. */
export function overlapListing<K extends ListedKind>(listing: Listing<K>, scope: Scope): Listing<K> {
  const field: Field<KindMessage[K]> = {
    name: FIELD,
    type: 'text',
    get: (resource) => (scopesOf(resource).some((other) => overlaps(normalScope(other), scope)) ? YES : ''),
  }
  const column = sql`case when exists (
    select 1 from unnest(string_to_array(t.scopes, E'\n')) s where ${overlapSql(scope)}) then ${YES}::text else '' end`
  return {
    ...listing,
    fields: new Map([...listing.fields, [FIELD, field]]),
    columns: new Map([...listing.columns, [FIELD, { type: 'text', column }]]),
  }
}

/** A filter with the further condition that the listing's scope is overlapped. */
export function onlyOverlapping<K extends ListedKind>(
  listing: Listing<K>,
  filter: Filter<KindMessage[K]>,
): Filter<KindMessage[K]> {
  const field = listing.fields.get(FIELD)!
  return and([
    filter,
    { type: 'test', field, key: undefined, predicate: { op: 'equal', value: YES }, negated: false },
  ])
}

function scopesOf(resource: KindMessage[ListedKind]): readonly Scope[] {
  if ('scopes' in resource) return resource.scopes
  return 'scope' in resource && resource.scope !== undefined ? [resource.scope] : []
}

function overlapSql({ environment, service, machine, name }: Scope): Sql {
  if (name !== '') return sql`s = ${`name:${name}`}::text`
  const part = (value: string, number: number): Sql =>
    value === '*' ? sql`true` : sql`split_part(s, '/', ${number}::int4) in ('*', ${value}::text)`
  return sql`s not like 'name:%' and ${part(environment, 1)} and ${part(service, 2)} and ${part(machine, 3)}`
}
