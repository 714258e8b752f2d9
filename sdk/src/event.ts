import { DeploymentRecorded_Status, type Event } from '../../proto/gen/holdfast/v1/event.ts'
import type { Process } from '../../proto/gen/holdfast/v1/machine.ts'
import { idOf, type MachineInput, machineRef } from './machine-ref.ts'
import { timestampFromDate } from './revision.ts'

/** What happened, as the protocol carries it. */
export type EventPayload = NonNullable<Event['payload']>

/** An event to send. What is left out is filled in when it is sent. */
export interface OutgoingEvent {
  payload: EventPayload
  /** A UUID, best of version 7; the same id from the same source is one event. @defaultValue a new one */
  id?: string | undefined
  /** When it happened. @defaultValue now */
  occurredAt?: Date | undefined
  /**
   * Its number in the stream's epoch, above that of the event before; for events that were numbered earlier,
   * such as in a spool. Ignored outside of a stream. @defaultValue the next one
   */
  seq?: number | undefined
}

/** What every event may carry. */
export interface EventOptions {
  /** When it happened, by this host's clock. Not more than 10 minutes ahead of the server. @defaultValue now */
  occurredAt?: Date | undefined
  /**
   * The event's UUID. Give it when the same report may be made twice, such as by a script that is run again:
   * the second time it changes nothing and is answered with `duplicate`. @defaultValue a new one
   */
  id?: string | undefined
}

/** A process. Only what is known. */
export interface ProcessInput {
  /** `process.pid`. */
  pid: number
  /** `process.parent_pid`. */
  parentPid?: number | undefined
  /** `process.executable.name`. */
  executableName?: string | undefined
  /** `process.executable.path`. */
  executablePath?: string | undefined
  /** `process.command_args`; at most 4 KiB in all. */
  commandArgs?: readonly string[] | undefined
  /** `process.user.name`. */
  userName?: string | undefined
  /** `process.creation.time`. */
  createdAt?: Date | undefined
  /** TCP and UDP ports it listens on. */
  listeningPorts?: readonly number[] | undefined
  /** The control group or systemd unit. */
  controlGroup?: string | undefined
  /** Resident memory, bytes. */
  residentBytes?: number | undefined
  /** The version, as the executable tells it. */
  version?: string | undefined
}

/** Which instance of a service. */
interface InstanceOptions extends EventOptions {
  /** Where it runs. */
  machine: MachineInput
  /** Tells several on one machine apart. @defaultValue `main` */
  slot?: string | undefined
}

/** What {@link Holdfast.started} says of a start. */
export interface StartedOptions extends InstanceOptions {
  /** `service.version`. @defaultValue the version that stands is kept */
  version?: string | undefined
  /** `deployment.environment.name`. @defaultValue as before, or `production` for a new instance */
  environment?: string | undefined
  /** The process, when known. */
  process?: ProcessInput | undefined
  /** Labels to set on the instance, merged over those that stand; at most 64. */
  labels?: Record<string, string> | undefined
}

/** What {@link Holdfast.stopped} says of a stop. */
export interface StoppedOptions extends InstanceOptions {
  /** `process.exit.code`, when known. */
  exitCode?: number | undefined
  /** Why, in words. */
  reason?: string | undefined
}

/** What {@link Holdfast.heartbeat} says. */
export interface HeartbeatOptions extends InstanceOptions {
  /** `service.version`, when known. Another one than stands is a change of state. */
  version?: string | undefined
  /** How often this will be said, 1 s to 1 day: what the instance's freshness goes by. @defaultValue as before */
  intervalMs?: number | undefined
}

/** What {@link Holdfast.machineHeartbeat} says. */
export interface MachineHeartbeatOptions extends EventOptions {
  /** How often this will be said, 1 s to 1 day: what its freshness goes by. @defaultValue as before */
  intervalMs?: number | undefined
  /** A complete look at its processes gave what the last list gave. @defaultValue false */
  processesUnchanged?: boolean | undefined
  /**
   * Proof of facets that were sent whole: by name, the SHA-256 of their attributes as RFC 8785 writes JSON. When any
   * is not what the server has, the event is refused with the reason `FACETS_DIFFER` and their names, with commas, in
   * `metadata.facets`. @defaultValue none
   */
  facetDigests?: Record<string, Uint8Array> | undefined
}

/** How far a deployment got. */
export type DeploymentStatus = 'started' | 'succeeded' | 'failed'

/** What {@link Holdfast.deployed} says of a deployment. */
export interface DeployedOptions extends EventOptions {
  /** The version. */
  version: string
  /** The machines it went to; 1 to 1,000. */
  machines: readonly MachineInput[]
  /** `deployment.environment.name`. @defaultValue as before, or `production` for a new instance */
  environment?: string | undefined
  /** Tells several on one machine apart. @defaultValue `main` */
  slot?: string | undefined
  /** `started` and `failed` are on the timeline only. @defaultValue `succeeded` */
  status?: DeploymentStatus | undefined
  /** `deployment.id`: the deploy tool's own id, the same in all reports of one deployment. */
  deploymentId?: string | undefined
  /** Who deployed. @defaultValue the principal of the call */
  author?: string | undefined
  /** Words for the timeline. */
  message?: string | undefined
}

/** What {@link Holdfast.observe} saw of a machine. */
export interface ObserveOptions extends EventOptions {
  /**
   * One entry for each side of the machine that was looked at: `hardware`, `os`, `network`, `packages` or a
   * name of your own, with its attributes as JSON values. A side that is not mentioned stays as it is.
   */
  facets?: Record<string, Record<string, unknown>> | undefined
  /**
   * Whether each facet's attributes are all there is: then attributes of before that are absent are removed.
   * @defaultValue true
   */
  complete?: boolean | undefined
  /** Labels to set on the machine, merged over those that stand; at most 64. */
  labels?: Record<string, string> | undefined
}

/** What a {@link Holdfast.note} is about, if anything. */
export interface NoteOptions extends EventOptions {
  machine?: MachineInput | undefined
  service?: string | undefined
  environment?: string | undefined
  /** More about it, as JSON values by OpenTelemetry attribute names. */
  attributes?: Record<string, unknown> | undefined
}

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
    const value = { ...instanceOf(service, options), version, interval: durationOf(intervalMs) }
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

  /**
   * A machine's processes were listed; at most 10,000. Replaces the last list.
   *
   * @param complete false when the scan could not see everything: then absence means nothing.
   * @param listComplete true when no process is missing, though ports of some may be: then a service of which there
   * is no process at all is absent.
   * @param intervalMs how often it is looked; 1 s to 1 day. What the freshness of the instances goes by.
   */
  processes(
    machine: MachineInput,
    processes: readonly ProcessInput[],
    options: EventOptions & {
      complete?: boolean | undefined
      listComplete?: boolean | undefined
      intervalMs?: number | undefined
    } = {},
  ): OutgoingEvent {
    const { complete = true, listComplete = false, intervalMs } = options
    const value = {
      machine: machineRef(machine),
      processes: processes.map(processOf),
      complete,
      listComplete,
      interval: durationOf(intervalMs),
    }
    return outgoing(options, { $case: 'processesObserved', value })
  },

  /** A machine is still there. Moves its `observedTime`, and is not kept as an event. */
  machineHeartbeat(machine: MachineInput, options: MachineHeartbeatOptions = {}): OutgoingEvent {
    const { intervalMs, processesUnchanged = false, facetDigests = {} } = options
    const interval = durationOf(intervalMs)
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

function durationOf(ms: number | undefined) {
  if (ms === undefined) return undefined
  return { seconds: BigInt(Math.floor(ms / 1000)), nanos: Math.round(ms % 1000) * 1_000_000 }
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
