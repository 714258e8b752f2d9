import { DeploymentRecorded_Status } from '../../proto/gen/holdfast/v1/event.ts'
import type { Process } from '../../proto/gen/holdfast/v1/machine.ts'
import { durationOf } from './duration.ts'
import type {
  DeployedOptions,
  DeploymentStatus,
  EventOptions,
  EventPayload,
  HeartbeatOptions,
  InstanceOptions,
  MachineHeartbeatOptions,
  NoteOptions,
  ObserveOptions,
  OutgoingEvent,
  ProcessesOptions,
  ProcessInput,
  StartedOptions,
  StoppedOptions,
} from './event-options.ts'
import { idOf, type MachineInput, machineRef } from './machine-ref.ts'
import { timestampFromDate } from './revision.ts'

/**
 * Makes events to send through an {@link IngestStream}. The methods of {@link Holdfast} with the same names
 * make the same events.
 */
export const event = {
  /** A service started on a machine. */
  started(service: string, options: StartedOptions): OutgoingEvent {
    return outgoing(options, {
      $case: 'instanceStarted',
      value: {
        ...instanceOf(service, options),
        version: options.version ?? '',
        environment: options.environment ?? '',
        process: options.process && processOf(options.process),
        labels: options.labels ?? {},
      },
    })
  },

  /** A service stopped on a machine. */
  stopped(service: string, options: StoppedOptions): OutgoingEvent {
    const { exitCode, reason = '' } = options
    const value = { ...instanceOf(service, options), exitCode, reason }
    return outgoing(options, { $case: 'instanceStopped', value })
  },

  /** A service still runs. Moves its `observedTime`, and is not kept as an event. */
  heartbeat(service: string, options: HeartbeatOptions): OutgoingEvent {
    const { version = '', intervalMs } = options
    const value = { ...instanceOf(service, options), version, interval: durationOf('intervalMs', intervalMs) }
    return outgoing(options, { $case: 'instanceHeartbeat', value })
  },

  /** A version was deployed, or failed to be. */
  deployed(service: string, options: DeployedOptions): OutgoingEvent {
    return outgoing(options, {
      $case: 'deploymentRecorded',
      value: {
        deploymentId: options.deploymentId ?? '',
        service: idOf('services', service),
        version: options.version,
        environment: options.environment ?? '',
        machines: options.machines.map(machineRef),
        slot: options.slot ?? '',
        status: deploymentStatuses[options.status ?? 'succeeded'],
        author: options.author ?? '',
        message: options.message ?? '',
      },
    })
  },

  /** A machine was looked at. What changes nothing makes no revision. */
  observed(machine: MachineInput, options: ObserveOptions): OutgoingEvent {
    const { facets = {}, complete = true, labels = {} } = options
    const value = {
      machine: machineRef(machine),
      facets: Object.entries(facets).map(([facet, attributes]) => ({ facet, attributes, complete })),
      labels,
    }
    return outgoing(options, { $case: 'machineObserved', value })
  },

  /** A machine's processes were listed; at most 10,000. Replaces the last list. */
  processes(
    machine: MachineInput,
    processes: readonly ProcessInput[],
    options: ProcessesOptions = {},
  ): OutgoingEvent {
    const { complete = true, listComplete = false, intervalMs } = options
    const value = {
      machine: machineRef(machine),
      processes: processes.map(processOf),
      complete,
      listComplete,
      interval: durationOf('intervalMs', intervalMs),
    }
    return outgoing(options, { $case: 'processesObserved', value })
  },

  /** A machine is still there. Moves its `observedTime`, and is not kept as an event. */
  machineHeartbeat(machine: MachineInput, options: MachineHeartbeatOptions = {}): OutgoingEvent {
    const { intervalMs, processesUnchanged = false, facetDigests = {} } = options
    const interval = durationOf('intervalMs', intervalMs)
    const digests = Object.entries(facetDigests).map(([facet, digest]) => [facet, Buffer.from(digest)])
    const value = {
      machine: machineRef(machine),
      ...{ interval, processesUnchanged },
      facetDigests: Object.fromEntries(digests) as Record<string, Buffer>,
    }
    return outgoing(options, { $case: 'machineHeartbeat', value })
  },

  /** A condition, such as `migration:airship/20110502`, became true. */
  satisfied(condition: string, options: EventOptions & { reason?: string | undefined } = {}): OutgoingEvent {
    const value = { condition: idOf('conditions', condition), reason: options.reason ?? '' }
    return outgoing(options, { $case: 'conditionSatisfied', value })
  },

  /** A remark for the timeline; 1 byte to 64 KiB. Changes no state. */
  note(text: string, options: NoteOptions = {}): OutgoingEvent {
    const { machine, service = '', environment = '', attributes } = options
    return outgoing(options, {
      $case: 'noteRecorded',
      value: {
        text,
        machine: machine === undefined ? undefined : machineRef(machine),
        service: idOf('services', service),
        environment,
        attributes,
      },
    })
  },
} as const

const deploymentStatuses: Record<DeploymentStatus, DeploymentRecorded_Status> = {
  started: DeploymentRecorded_Status.STARTED,
  succeeded: DeploymentRecorded_Status.SUCCEEDED,
  failed: DeploymentRecorded_Status.FAILED,
}

function outgoing({ id, occurredAt }: EventOptions, payload: EventPayload): OutgoingEvent {
  return { payload, id, occurredAt }
}

function instanceOf(service: string, { machine, slot = '' }: InstanceOptions) {
  return { machine: machineRef(machine), service: idOf('services', service), slot }
}

function processOf(input: ProcessInput): Process {
  return {
    pid: BigInt(input.pid),
    parentPid: BigInt(input.parentPid ?? 0),
    executableName: input.executableName ?? '',
    executablePath: input.executablePath ?? '',
    commandArgs: [...(input.commandArgs ?? [])],
    userName: input.userName ?? '',
    creationTime: input.createdAt && timestampFromDate(input.createdAt),
    listeningPorts: [...(input.listeningPorts ?? [])],
    controlGroup: input.controlGroup ?? '',
    residentBytes: BigInt(input.residentBytes ?? 0),
    version: input.version ?? '',
  }
}
