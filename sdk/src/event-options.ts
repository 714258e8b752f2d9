import type { Event } from '../../proto/gen/holdfast/v1/event.ts'
import type { MachineInput } from './machine-ref.ts'

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
export interface InstanceOptions extends EventOptions {
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

/** How a list of processes was seen. */
export interface ProcessesOptions extends EventOptions {
  /** False when the scan could not see everything: then absence means nothing. @defaultValue true */
  complete?: boolean | undefined
  /**
   * True when no process is missing, though ports of some may be: then a service of which there is no process at all
   * is absent. @defaultValue false
   */
  listComplete?: boolean | undefined
  /** How often it is looked; 1 s to 1 day. What the freshness of the instances goes by. @defaultValue as before */
  intervalMs?: number | undefined
}

/** What a {@link Holdfast.note} is about, if anything. */
export interface NoteOptions extends EventOptions {
  machine?: MachineInput | undefined
  service?: string | undefined
  environment?: string | undefined
  /** More about it, as JSON values by OpenTelemetry attribute names. */
  attributes?: Record<string, unknown> | undefined
}
