import type { FieldViolation } from '../domain/error.ts'
import { compileFilter } from '../domain/filter/bind-filter.ts'
import type { FilterFields } from '../domain/filter/field.ts'
import type { KindMessage } from '../domain/kind.ts'
import { BY_NAME, isViolation, parseOrder } from '../domain/order.ts'
import { keyLength, listResources } from '../store/list-resources.ts'
import { LISTINGS, type ListedKind } from '../store/listed-kind.ts'
import type { Store } from '../store/store.ts'
import {
  check,
  pageViolations,
  readTimeViolations,
  type StatePage,
  type StatePageRequest,
  statePage,
} from './page-request.ts'

interface ListRequest extends StatePageRequest {
  filter: string
  orderBy: string
}

/** Answers a page of machines, services or instances. */
export function listPage<K extends ListedKind>(
  store: Store,
  request: ListRequest,
  { method, kind }: { method: string; kind: K },
): Promise<StatePage<KindMessage[K]>> {
  const { fields } = LISTINGS[kind]
  const parsed = parseOrder(request.orderBy, fields as FilterFields<never>)
  const refused: FieldViolation | undefined = isViolation(parsed) ? parsed : undefined
  check([...pageViolations(request), ...readTimeViolations(request), refused])
  const order = isViolation(parsed) ? BY_NAME : parsed
  const filter = compileFilter(request.filter, fields)
  return statePage(store, request, {
    method,
    keyLength: keyLength(order),
    read: (query) => listResources(store, { kind, filter, order, ...query }),
  })
}
