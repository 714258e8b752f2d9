import { notFound } from '../domain/error.ts'
import type { KindMessage } from '../domain/kind.ts'
import { getResource } from '../store/get-resource.ts'
import type { ListedKind } from '../store/listed-kind.ts'
import { type ReadPoint, type ReadTime, resolveReadPoint } from '../store/read-point.ts'
import type { Store } from '../store/store.ts'

/** Reads one resource as a request asks. Throws NOT_FOUND when there was none then. */
export async function namedResource<K extends ListedKind | 'run'>(
  store: Store,
  kind: K,
  request: ReadTime & { name: string },
): Promise<{ resource: KindMessage[K]; at: ReadPoint }> {
  const at = await resolveReadPoint(store, request)
  const { name } = request
  const resource = await getResource(store, { kind, name, at })
  if (resource !== undefined) return { resource, at }
  throw notFound(name, `list the ${kind}s to see their names`, at)
}
