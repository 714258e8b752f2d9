import type { StateServiceService } from '../../../proto/gen/holdfast/v1/state_service.ts'
import { refuseViolations } from '../domain/error.ts'
import { instanceNameViolation } from '../domain/resource-name.ts'
import type { Store } from '../store/store.ts'
import type { Handlers } from './handler.ts'
import { listPage } from './list-request.ts'
import { namedResource } from './named-resource.ts'

/** Reads of instances. */
export function instanceReads(
  store: Store,
): Pick<Handlers<typeof StateServiceService>, 'getInstance' | 'listInstances'> {
  return {
    async getInstance(request) {
      refuseViolations([instanceNameViolation('name', request.name)])
      const { resource: instance, at } = await namedResource(store, 'instance', request)
      return { instance, revision: at.revision }
    },

    listInstances: (request) => listPage(store, request, { method: 'ListInstances', kind: 'instance' }),
  }
}
