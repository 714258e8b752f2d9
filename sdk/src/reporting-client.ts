import type { CallOptions } from './connect-options.ts'
import type { Connection } from './connection.ts'
import { event } from './event.ts'
import type {
  DeployedOptions,
  HeartbeatOptions,
  MachineHeartbeatOptions,
  NoteOptions,
  ObserveOptions,
  OutgoingEvent,
  ProcessInput,
  StartedOptions,
  StoppedOptions,
} from './event-options.ts'
import type { IngestStreamOptions } from './ingest-options.ts'
import { IngestStream } from './ingest-stream.ts'
import type { MachineInput } from './machine-ref.ts'
import { RunningClient } from './running-client.ts'
import { type Written, writeEvents } from './writes.ts'

/** Where a report is from, when it is from this host. */
type Here<Options extends { machine: MachineInput }> = Omit<Options, 'machine'> &
  Partial<Pick<Options, 'machine'>> &
  CallOptions

/** Who reports, where nothing else is said. */
export interface Reporter {
  /** The source of its events. */
  source: string
  /** This host, by its name. */
  machine: string
  /** Who holds its locks, in words. */
  owner: string
}

/** What a client reports: the part of {@link Holdfast} that makes events. */
export abstract class ReportingClient extends RunningClient {
  readonly #connection: Connection
  readonly #reporter: Reporter

  /** @internal */
  protected constructor(connection: Connection, reporter: Reporter) {
    super(connection, reporter.owner)
    this.#connection = connection
    this.#reporter = reporter
  }

  /**
   * Reports that a service started on a machine. Durable, and visible to every read at the answer's revision,
   * when the promise resolves. Tried again with the same id, it counts once.
   *
   * @param options.machine where. @defaultValue this host, by its name
   * @throws EventRefusedError when the server will never take it.
   * @example
   * await holdfast.started('offline-tasks', { machine: 'worker-0', version: '20110502' })
   */
  async started(service: string, options: Here<StartedOptions> = {}): Promise<Written> {
    return this.#write([event.started(service, this.#here(options))], options)
  }

  /** Reports that a service stopped on a machine. Otherwise as {@link started}. */
  async stopped(service: string, options: Here<StoppedOptions> = {}): Promise<Written> {
    return this.#write([event.stopped(service, this.#here(options))], options)
  }

  /**
   * Reports that a service still runs. Moves its `observedTime`; makes a revision only when it was not known
   * to run, or another version did. For many instances use {@link ingest}.
   */
  async heartbeat(service: string, options: Here<HeartbeatOptions> = {}): Promise<Written> {
    return this.#write([event.heartbeat(service, this.#here(options))], options)
  }

  /**
   * Reports a deployment. `succeeded` makes the version the deployed one on every machine named; `started` and
   * `failed` are on the timeline only.
   *
   * @example
   * await holdfast.deployed('airship', { version: '20110502', machines: ['web-0', 'web-1'] })
   */
  async deployed(service: string, options: DeployedOptions & CallOptions): Promise<Written> {
    return this.#write([event.deployed(service, options)], options)
  }

  /**
   * Reports what a look at a machine gave: facets, labels, processes. What changes nothing makes no revision.
   *
   * @example
   * await holdfast.observe('web-0', { facets: { hardware: { 'host.cpu.logical.count': 8 } } })
   */
  async observe(machine: MachineInput, options: ObservationOptions): Promise<Written> {
    const { processes, processesComplete, processesListed, processesIntervalMs, occurredAt } = options
    const observed = [event.observed(machine, options)]
    if (processes !== undefined) {
      observed.push(
        event.processes(machine, processes, {
          occurredAt,
          complete: processesComplete,
          listComplete: processesListed,
          intervalMs: processesIntervalMs,
        }),
      )
    }
    return this.#write(observed, options)
  }

  /** Reports that a machine is still there. Moves its `observedTime`; makes no revision unless the interval is new. */
  async machineHeartbeat(
    machine: MachineInput,
    options: MachineHeartbeatOptions & CallOptions = {},
  ): Promise<Written> {
    return this.#write([event.machineHeartbeat(machine, options)], options)
  }

  /** Leaves a remark on the timeline; 1 byte to 64 KiB. Changes no state. */
  async note(text: string, options: NoteOptions & CallOptions = {}): Promise<Written> {
    return this.#write([event.note(text, options)], options)
  }

  /**
   * Opens a stream for many events: batched, acknowledged when durable, resumed by itself. Dials when the first
   * event is sent.
   *
   * @example
   * await using stream = holdfast.ingest()
   * for (const machine of machines) await stream.send(event.heartbeat('airship', { machine }))
   */
  ingest(options: IngestStreamOptions = {}): IngestStream {
    const source = options.source ?? `${this.#reporter.source}/${process.pid}`
    return new IngestStream(this.#connection, { ...options, source })
  }

  async #write(outgoing: OutgoingEvent[], options: CallOptions): Promise<Written> {
    return await writeEvents(this.#connection, this.#reporter.source, outgoing, options)
  }

  #here<Options extends { machine?: MachineInput | undefined }>(options: Options) {
    return { ...options, machine: options.machine ?? this.#reporter.machine }
  }
}

/** What {@link Holdfast.observe} takes. */
export interface ObservationOptions extends ObserveOptions, CallOptions {
  /** The machine's processes, at most 10,000. Replaces the last list. @defaultValue the last list stays */
  processes?: readonly ProcessInput[] | undefined
  /** Whether the list is all there is; if not, absence means nothing. @defaultValue true */
  processesComplete?: boolean | undefined
  /** Whether no process is missing, though some of their ports may be. @defaultValue false */
  processesListed?: boolean | undefined
  /** How often they are looked at: what the freshness of the instances goes by. @defaultValue as before */
  processesIntervalMs?: number | undefined
}
