import type { StateServiceService } from '../../../proto/gen/holdfast/v1/state_service.ts'
import { refuseViolations } from '../domain/error.ts'
import { serviceNameViolation } from '../domain/resource-name.ts'
import type { Store } from '../store/store.ts'
import type { Handlers } from './handler.ts'
import { listPage } from './list-request.ts'
import { namedResource } from './named-resource.ts'

/** Reads of services. */
export function serviceReads(
  store: Store,
): Pick<Handlers<typeof StateServiceService>, 'getService' | 'listServices'> {
  return {
    async getService(request) {
      refuseViolations([serviceNameViolation('name', request.name)])
      const { resource: service, at } = await namedResource(store, 'service', request)
      return { service, revision: at.revision }
    },

    listServices: (request) => listPage(store, request, { method: 'ListServices', kind: 'service' }),
  }
}
