import { MachineView, type StateServiceService } from '../../../proto/gen/holdfast/v1/state_service.ts'
import { refuseViolations } from '../domain/error.ts'
import { machineNameViolation, parseMachineName } from '../domain/resource-name.ts'
import { getProcessScan, listFacets } from '../store/get-resource.ts'
import type { Store } from '../store/store.ts'
import type { Handlers } from './handler.ts'
import { listPage } from './list-request.ts'
import { namedResource } from './named-resource.ts'

/** Reads of machines. */
export function machineReads(
  store: Store,
): Pick<Handlers<typeof StateServiceService>, 'getMachine' | 'listMachines'> {
  return {
    async getMachine(request) {
      refuseViolations([machineNameViolation('name', request.name)])
      const { resource: machine, at } = await namedResource(store, 'machine', request)
      if (request.view === MachineView.FULL) {
        const id = parseMachineName(request.name)!
        const [facets, processScan] = await Promise.all([
          listFacets(store, { machine: id, at }),
          at.now ? getProcessScan(store, id) : undefined,
        ])
        machine.facets = facets
        machine.processScan = processScan
      }
      return { machine, revision: at.revision }
    },

    listMachines: (request) => listPage(store, request, { method: 'ListMachines', kind: 'machine' }),
  }
}
