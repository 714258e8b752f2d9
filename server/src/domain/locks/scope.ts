import type { Scope } from '../../../../proto/gen/holdfast/v1/scope.ts'
import type { FieldViolation } from '../error.ts'
import { idViolation, wordViolation } from '../resource-name.ts'

/** Any value of a dimension. */
export const ANY = '*'

/** The dimensions of a box, in the order in which it is written. */
export const DIMENSIONS = ['environment', 'service', 'machine'] as const

/** A scope in its one spelling: every dimension a value or `*`, or the name alone. */
export function normalScope({ environment, service, machine, name }: Scope): Scope {
  if (name !== '') return { environment: '', service: '', machine: '', name }
  return { environment: environment || ANY, service: service || ANY, machine: machine || ANY, name: '' }
}

/** Whether two scopes in their one spelling have anything in common. */
export function overlaps(a: Scope, b: Scope): boolean {
  if (a.name !== '' || b.name !== '') return a.name === b.name
  return DIMENSIONS.every(
    (dimension) => a[dimension] === ANY || b[dimension] === ANY || a[dimension] === b[dimension],
  )
}

/** Whether all that `inner` covers is covered by `outer`. */
export function contains(outer: Scope, inner: Scope): boolean {
  if (outer.name !== '' || inner.name !== '') return outer.name === inner.name
  return DIMENSIONS.every((dimension) => outer[dimension] === ANY || outer[dimension] === inner[dimension])
}

/** `production/airship/web-0`, without trailing `/*`; or `name:db-migration`. */
export function scopeText({ environment, service, machine, name }: Scope): string {
  if (name !== '') return `name:${name}`
  return `${environment || ANY}/${service || ANY}/${machine || ANY}`.replace(/(\/\*)+$/, '')
}

export const scopesText = (scopes: readonly Scope[]): string => scopes.map(scopeText).join(', ')

/** Everything that is wrong with a scope. */
export function scopeViolations(field: string, scope: Scope | undefined): FieldViolation[] {
  if (
    scope === undefined ||
    (scope.name === '' && DIMENSIONS.every((dimension) => scope[dimension] === ''))
  ) {
    return [{ field, description: 'covers nothing; to cover everything, say * in one of its dimensions' }]
  }
  if (scope.name !== '') {
    const violation = wordViolation(`${field}.name`, scope.name)
    if (violation !== undefined) return [violation]
    if (DIMENSIONS.every((dimension) => scope[dimension] === '')) return []
    return [{ field: `${field}.name`, description: 'cannot be together with a box; ask for two scopes' }]
  }
  return DIMENSIONS.flatMap((dimension) => {
    const value = scope[dimension]
    const violation = value === '' || value === ANY ? undefined : idViolation(`${field}.${dimension}`, value)
    return violation ?? []
  })
}
