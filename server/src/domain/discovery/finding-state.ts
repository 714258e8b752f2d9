import {
  type Finding,
  Finding_Decision,
  Finding_State,
  type FindingTraits,
} from '../../../../proto/gen/holdfast/v1/discovery.ts'
import { Freshness, type Process } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { findingName, type InstanceKey } from '../resource-name.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'

/** Above are the ports that the kernel hands out: they differ from start to start. */
const FIRST_EPHEMERAL_PORT = 32_768

/** What of a process should not change unnoticed once it is accepted. */
export const traitsOf = (process: Process | undefined): FindingTraits => ({
  userName: process?.userName ?? '',
  executablePath: process?.executablePath ?? '',
  listeningPorts: (process?.listeningPorts ?? []).filter((port) => port < FIRST_EPHEMERAL_PORT),
})

/** Where a finding stands, of what was decided and what is seen. */
export function stateOf({
  decision,
  present,
  withdrawn,
  accepted,
  process,
}: Pick<Finding, 'decision' | 'present' | 'withdrawn' | 'accepted' | 'process'>): Finding['state'] {
  switch (decision) {
    case Finding_Decision.IGNORED:
      return Finding_State.IGNORED
    case Finding_Decision.ENFORCED:
      return Finding_State.ENFORCED
    case Finding_Decision.ACCEPTED:
      if (!present) return withdrawn ? Finding_State.WITHDRAWN : Finding_State.VANISHED
      return accepted === undefined || sameTraits(accepted, traitsOf(process))
        ? Finding_State.MONITORED
        : Finding_State.CHANGED
    default:
      if (!present) return withdrawn ? Finding_State.WITHDRAWN : Finding_State.VANISHED
      return Finding_State.UNDECIDED
  }
}

/** Whether a finding has a part in an instance. */
export const isMonitored = ({ decision }: Finding): boolean =>
  decision === Finding_Decision.ACCEPTED || decision === Finding_Decision.ENFORCED

/** A finding of which nothing is known yet but where it is. */
export function newFinding(
  state: WorkingSet,
  machine: Row<'machine'>,
  { service, slot, ...rest }: InstanceKey,
): Finding {
  return {
    name: findingName({ service, slot, ...rest }),
    uid: state.newUid(),
    etag: '',
    createTime: undefined,
    updateTime: undefined,
    revision: 0n,
    machine: machine.resource.name,
    service,
    slot,
    state: Finding_State.UNSPECIFIED,
    stateTime: undefined,
    decision: Finding_Decision.UNSPECIFIED,
    decideTime: undefined,
    decidedBy: '',
    decideReason: '',
    rule: '',
    version: '',
    process: undefined,
    present: false,
    withdrawn: false,
    presentTime: undefined,
    accepted: undefined,
    observedTime: undefined,
    labels: {},
    serviceKind: '',
    environment: '',
    reportInterval: undefined,
    freshness: Freshness.UNSPECIFIED,
  }
}

function sameTraits(a: FindingTraits, b: FindingTraits): boolean {
  return (
    a.userName === b.userName &&
    a.executablePath === b.executablePath &&
    a.listeningPorts.length === b.listeningPorts.length &&
    a.listeningPorts.every((port, i) => port === b.listeningPorts[i])
  )
}
