import type { MachineRef } from '../../../../proto/gen/holdfast/v1/machine.ts'
import type { IncomingEvent } from '../incoming-event.ts'
import type { LoadKeys } from '../load-keys.ts'
import { conditionName, serviceName } from '../resource-name.ts'

/** Asks for the rows that folding an event, already found valid, may look at. */
export function collectEvent(keys: LoadKeys, { payload }: IncomingEvent): void {
  const place = ({
    machine,
    service,
    slot,
  }: {
    machine: MachineRef | undefined
    service: string
    slot: string
  }) => {
    keys.machine(machine!)
    keys.named('service', serviceName(service))
    keys.instance(machine!, service, slot)
  }
  switch (payload?.$case) {
    case 'machineObserved':
      if (Object.keys(payload.value.labels).length > 0) keys.labels(payload.value.machine!)
      else keys.machine(payload.value.machine!)
      for (const { facet } of payload.value.facets) keys.facet(payload.value.machine!, facet)
      return
    case 'processesObserved':
      keys.scan(payload.value.machine!)
      return
    case 'machineHeartbeat':
      if (payload.value.processesUnchanged) keys.scan(payload.value.machine!)
      else keys.machine(payload.value.machine!)
      for (const facet of Object.keys(payload.value.facetDigests)) keys.facet(payload.value.machine!, facet)
      return
    case 'instanceStarted':
    case 'instanceStopped':
    case 'instanceHeartbeat':
      place(payload.value)
      return
    case 'deploymentRecorded':
      for (const machine of payload.value.machines) place({ ...payload.value, machine })
      return
    case 'conditionSatisfied':
      keys.named('condition', conditionName(payload.value.condition))
      return
    case 'noteRecorded':
      if (payload.value.machine !== undefined) keys.machine(payload.value.machine)
      if (payload.value.service !== '') keys.named('service', serviceName(payload.value.service))
      return
    case 'resourceAmended':
    case 'runStarted':
    case 'runFinished':
    case 'runTargetsReported':
    case undefined:
  }
}
