import type { StateServiceService } from '../../../proto/gen/holdfast/v1/state_service.ts'
import { refuseViolations } from '../domain/error.ts'
import { compileVersionFilter } from '../domain/filter/version-filter.ts'
import { listVersions, VERSION_KEY_LENGTH } from '../store/list-versions.ts'
import { readTimeViolations } from '../store/read-point.ts'
import type { Store } from '../store/store.ts'
import type { Handlers } from './handler.ts'
import { isOfPast } from './list-request.ts'
import { pageViolations, statePage } from './page-request.ts'

/** Reads of the versions of services on machines. */
export function versionReads(store: Store): Pick<Handlers<typeof StateServiceService>, 'listVersions'> {
  return {
    async listVersions(request) {
      refuseViolations([...pageViolations(request), ...readTimeViolations(request)])
      const filter = compileVersionFilter(request.filter, { past: isOfPast(request) })
      const { resources, ...page } = await statePage(store, request, {
        method: 'ListVersions',
        keyLength: VERSION_KEY_LENGTH,
        read: (query) => listVersions(store, { filter, ...query }),
      })
      return { cells: resources, ...page }
    },
  }
}
