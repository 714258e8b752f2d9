import type { StateServiceService } from '../../../proto/gen/holdfast/v1/state_service.ts'
import { compileFilter } from '../domain/filter/bind-filter.ts'
import { INSTANCE_FIELDS } from '../domain/filter/resource-fields.ts'
import { listVersions, VERSION_KEY_LENGTH } from '../store/list-versions.ts'
import type { Store } from '../store/store.ts'
import type { Handlers } from './handler.ts'
import { isOfPast, lastingFields } from './list-request.ts'
import { check, pageViolations, readTimeViolations, statePage } from './page-request.ts'

/** Reads of the versions of services on machines. */
export function versionReads(store: Store): Pick<Handlers<typeof StateServiceService>, 'listVersions'> {
  return {
    async listVersions(request) {
      check([...pageViolations(request), ...readTimeViolations(request)])
      const fields = isOfPast(request) ? lastingFields(INSTANCE_FIELDS) : INSTANCE_FIELDS
      const filter = compileFilter(request.filter, fields)
      const { resources, ...page } = await statePage(store, request, {
        method: 'ListVersions',
        keyLength: VERSION_KEY_LENGTH,
        read: (query) => listVersions(store, { filter, ...query }),
      })
      return { cells: resources, ...page }
    },
  }
}
