import type { Scope } from '../../../proto/gen/holdfast/v1/scope.ts'
import { type FieldViolation, refuseViolations } from '../domain/error.ts'
import { compileFilter } from '../domain/filter/bind-filter.ts'
import type { FilterFields } from '../domain/filter/field.ts'
import { conjuncts, type Filter } from '../domain/filter/filter.ts'
import { MOMENTARY_FIELDS } from '../domain/filter/resource-fields.ts'
import { BY_NAME, isViolation, parseOrder, unservedOrder } from '../domain/order.ts'
import { keyLength, listResources } from '../store/list-resources.ts'
import { LISTINGS, type ListedKind } from '../store/listed-kind.ts'
import { readTimeViolations } from '../store/read-point.ts'
import { wireOf } from '../store/resource-row.ts'
import type { Store } from '../store/store.ts'
import { encodePage } from './encoded-page.ts'
import type { Encoded } from './handler.ts'
import { pageViolations, type StatePageRequest, statePage } from './page-request.ts'

interface ListRequest extends StatePageRequest {
  filter: string
  orderBy: string
}

/** Answers a page of resources of one kind, as they are stored. */
export async function listPage<K extends ListedKind>(
  store: Store,
  request: ListRequest,
  { method, kind, overlapping }: { method: string; kind: K; overlapping?: Scope | undefined },
): Promise<Encoded> {
  const { fields, orders } = LISTINGS[kind]
  const lasting = lastingFields(fields)
  const parsed = parseOrder(request.orderBy, lasting as FilterFields<never>)
  const refused: FieldViolation | undefined = isViolation(parsed) ? parsed : undefined
  refuseViolations([...pageViolations(request), ...readTimeViolations(request), refused])
  const order = isViolation(parsed) ? BY_NAME : parsed
  const filter = compileFilter(request.filter, isOfPast(request) ? lasting : fields)
  if (orders !== undefined && !namesOne(filter)) refuseViolations([unservedOrder(order, orders)])
  const { resources, ...page } = await statePage(store, request, {
    method,
    keyLength: keyLength(order),
    read: async (query) => {
      const { resources, next } = await listResources(store, { kind, filter, order, overlapping, ...query })
      return { resources: resources.map((row) => wireOf(kind, row, query.at)), next }
    },
  })
  return encodePage({ rows: resources, ...page })
}

/** Those whose value is not of the moment of the read: what a read of the past and an order know. */
export const lastingFields = <M>(fields: FilterFields<M>): FilterFields<M> =>
  new Map([...fields].filter(([name]) => !MOMENTARY_FIELDS.has(name)))

export const isOfPast = ({ readTime, revision }: StatePageRequest): boolean =>
  readTime !== undefined || revision > 0n

/** Whether a filter is about one machine or service: what passes it is few enough for any order. */
function namesOne<M>(filter: Filter<M>): boolean {
  return conjuncts(filter).some(
    (term) =>
      term.type === 'test' &&
      !term.negated &&
      term.predicate.op === 'equal' &&
      (term.field.name === 'machine' || term.field.name === 'service'),
  )
}
