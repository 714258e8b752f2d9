// What the agent's programs use.
export type { AttributeValue, ObservedFacet, ProbeFailure } from './facet-draft.ts'
export type { MachineAlias, MachineIdentity } from './machine-identity.ts'
export { localMachine, machineIdentity, machineIdFromHostname } from './machine-identity.ts'
export type { MachineObservation, ObserveMachineOptions } from './observe-machine.ts'
export { observeMachine } from './observe-machine.ts'
export { observeProcesses } from './observe-processes.ts'
export type { ObservedProcess, ProcessObservation } from './observed-process.ts'
