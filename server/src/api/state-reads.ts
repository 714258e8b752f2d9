import type { StateServiceService } from '../../../proto/gen/holdfast/v1/state_service.ts'
import type { Store } from '../store/store.ts'
import type { Handlers } from './handler.ts'
import { instanceReads } from './instance-reads.ts'
import { machineReads } from './machine-reads.ts'
import { serviceReads } from './service-reads.ts'
import { timelineReads } from './timeline-reads.ts'
import { versionReads } from './version-reads.ts'

type StateReads = Pick<
  Handlers<typeof StateServiceService>,
  | 'getMachine'
  | 'listMachines'
  | 'getService'
  | 'listServices'
  | 'getInstance'
  | 'listInstances'
  | 'listVersions'
  | 'listTimeline'
>

/** The methods of StateService that only read. */
export function stateReads(store: Store): StateReads {
  return {
    ...machineReads(store),
    ...serviceReads(store),
    ...instanceReads(store),
    ...versionReads(store),
    ...timelineReads(store),
  }
}
