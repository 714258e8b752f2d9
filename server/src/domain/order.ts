import { type FieldViolation, HoldfastError } from './error.ts'
import type { FilterFields } from './filter/field.ts'

/** How a list is ordered: by one field, then by name in the same direction. */
export interface Order {
  field: string
  descending: boolean
}

export const BY_NAME: Order = { field: 'name', descending: false }

/**
 * Reads `order_by`: a field, then ` desc` or ` asc` if wanted. Empty is by name. Any field that filters may
 * name orders, but for those with several values.
 */
export function parseOrder(text: string, fields: FilterFields<never>): Order | FieldViolation {
  const match = /^ *([a-z_]{1,64})(?: +(asc|desc))? *$/.exec(text.slice(0, 256))
  if (text.trim() === '' && text.length <= 256) return BY_NAME
  const field = match === null ? undefined : fields.get(match[1]!)
  if (text.length > 256 || field === undefined || field.type === 'map' || field.type === 'list') {
    const known = [...fields.values()].filter(({ type }) => type !== 'map' && type !== 'list')
    const names = known.map(({ name }) => name).join(', ')
    return { field: 'order_by', description: `must be one of ${names}, then desc if wanted` }
  }
  return { field: field.name, descending: match![2] === 'desc' }
}

/** Whether an order was refused. */
export function isViolation(order: Order | FieldViolation): order is FieldViolation {
  return 'description' in order
}

/** What is wrong with an order that would put all of a large table into order; undefined for one that does not. */
export function unservedOrder(
  { field, descending }: Order,
  served: readonly string[],
): FieldViolation | undefined {
  if (served.includes(field) || (descending && served.includes(`${field} desc`))) return undefined
  const asked = descending ? `${field} desc` : field
  const description = `${asked} would put all there is into order; name one machine or service in the filter, or order by ${served.join(', ')}`
  return { field: 'order_by', description }
}

/** The refusal of an order that a read of the past cannot give. */
export function orderTooWide(order: Order, limit: number): HoldfastError {
  const description = `more than ${limit} resources have changed since the revision read; order by name`
  return new HoldfastError('INVALID_REQUEST', `order_by: ${order.field}: ${description}`, {
    violations: [{ field: 'order_by', description }],
  })
}
