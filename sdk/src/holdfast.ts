import type { GetServerInfoResponse, Source } from '../../proto/gen/holdfast/v1/admin_service.ts'
import type { Machine } from '../../proto/gen/holdfast/v1/machine.ts'
import type { Instance, Service } from '../../proto/gen/holdfast/v1/service.ts'
import type { TimelineEntry } from '../../proto/gen/holdfast/v1/timeline.ts'
import type { VersionCell } from '../../proto/gen/holdfast/v1/version.ts'
import * as changes from './changes.ts'
import type { CallOptions, ConnectOptions } from './connect-options.ts'
import { Connection } from './connection.ts'
import type { ConnectionState } from './connection-state.ts'
import { type Environment, readEnvironment } from './environment.ts'
import { DeadlineExceededError, UnavailableError } from './errors.ts'
import * as events from './event.ts'
import type { IngestStreamOptions } from './ingest-options.ts'
import { IngestStream } from './ingest-stream.ts'
import type { MachineInput } from './machine-ref.ts'
import type { Paginator } from './paginator.ts'
import * as reads from './reads.ts'
import { RunningClient } from './running-client.ts'
import { type WatchOptions, watchState } from './watch.ts'
import type { WatchEvent } from './watch-event.ts'
import { type Written, writeEvents } from './writes.ts'

/** Where a report is from, when it is from this host. */
type Here<Options extends { machine: MachineInput }> = Omit<Options, 'machine'> &
  Partial<Pick<Options, 'machine'>> &
  CallOptions

/**
 * A client of one Holdfast server, or of several that share a database. One connection carries all its calls.
 *
 * Every method rejects with a {@link HoldfastError}: {@link UnavailableError} when the server stays out of
 * reach, {@link DeadlineExceededError} when `timeoutMs` is over, {@link UnauthenticatedError},
 * {@link InvalidRequestError}, {@link ClientClosedError} after {@link close}; or, when its `signal` is aborted,
 * with the signal's reason. Calls that the contract allows to be made twice are tried again while the server is
 * UNAVAILABLE. Names are taken with and without their collection: `web-0` and `machines/web-0`.
 *
 * @example
 * const holdfast = await Holdfast.connect({ address: 'holdfast.example:7420', token })
 * await holdfast.started('offline-tasks', { version: '20110502' })
 * holdfast.close()
 */
export class Holdfast extends RunningClient implements AsyncDisposable {
  readonly #connection: Connection
  readonly #source: string
  readonly #environment: Environment

  private constructor(options: ConnectOptions) {
    const environment = readEnvironment()
    const { address = environment.address, token = environment.token } = options
    const connection = new Connection({ ...options, address, token })
    const source = options.source ?? `sdk/${environment.machine}`
    super(connection, options.owner ?? `${source} (pid ${process.pid})`)
    this.#environment = environment
    this.#connection = connection
    this.#source = source
  }

  /**
   * Makes a client and proves that the server is there, is Holdfast and takes the token.
   *
   * @throws UnavailableError when it cannot be reached, saying why and where; UnauthenticatedError.
   */
  static async connect(options: ConnectOptions & CallOptions = {}): Promise<Holdfast> {
    const holdfast = Holdfast.lazy(options)
    try {
      await holdfast.getServerInfo(options)
      return holdfast
    } catch (error) {
      holdfast.close()
      throw error instanceof UnavailableError || error instanceof DeadlineExceededError
        ? unreachable(holdfast.address, error)
        : error
    }
  }

  /**
   * Makes a client without dialling. The first call dials.
   *
   * @throws TypeError when the options make no sense.
   */
  static lazy(options: ConnectOptions = {}): Holdfast {
    return new Holdfast(options)
  }

  /** The address that this client dials. */
  get address(): string {
    return this.#connection.address
  }

  /** Where the connection stands. */
  get connectionState(): ConnectionState {
    return this.#connection.state
  }

  /**
   * Ends the client. Calls and streams under way reject with {@link ClientClosedError}; nothing keeps the
   * process alive. Ingest streams lose what is not acknowledged: close them first. Locks that are held are lost:
   * their signals abort, and then the server is told to give them up. Again: does nothing.
   */
  close(): void {
    this.#connection.close()
  }

  /** {@link close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
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
  async started(service: string, options: Here<events.StartedOptions> = {}): Promise<Written> {
    return this.#write([events.event.started(service, this.#here(options))], options)
  }

  /** Reports that a service stopped on a machine. Otherwise as {@link started}. */
  async stopped(service: string, options: Here<events.StoppedOptions> = {}): Promise<Written> {
    return this.#write([events.event.stopped(service, this.#here(options))], options)
  }

  /**
   * Reports that a service still runs. Moves its `observedTime`; makes a revision only when it was not known
   * to run, or another version did. For many instances use {@link ingest}.
   */
  async heartbeat(service: string, options: Here<events.HeartbeatOptions> = {}): Promise<Written> {
    return this.#write([events.event.heartbeat(service, this.#here(options))], options)
  }

  /**
   * Reports a deployment. `succeeded` makes the version the deployed one on every machine named; `started` and
   * `failed` are on the timeline only.
   *
   * @example
   * await holdfast.deployed('airship', { version: '20110502', machines: ['web-0', 'web-1'] })
   */
  async deployed(service: string, options: events.DeployedOptions & CallOptions): Promise<Written> {
    return this.#write([events.event.deployed(service, options)], options)
  }

  /**
   * Reports what a look at a machine gave: facets, labels, processes. What changes nothing makes no revision.
   *
   * @example
   * await holdfast.observe('web-0', { facets: { hardware: { 'host.cpu.logical.count': 8 } } })
   */
  async observe(machine: MachineInput, options: ObservationOptions): Promise<Written> {
    const { processes, processesComplete, processesListed, processesIntervalMs, occurredAt } = options
    const observed = [events.event.observed(machine, options)]
    if (processes !== undefined) {
      observed.push(
        events.event.processes(machine, processes, {
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
    options: events.MachineHeartbeatOptions & CallOptions = {},
  ): Promise<Written> {
    return this.#write([events.event.machineHeartbeat(machine, options)], options)
  }

  /** Leaves a remark on the timeline; 1 byte to 64 KiB. Changes no state. */
  async note(text: string, options: events.NoteOptions & CallOptions = {}): Promise<Written> {
    return this.#write([events.event.note(text, options)], options)
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
    const source = options.source ?? `${this.#source}/${process.pid}`
    return new IngestStream(this.#connection, { ...options, source })
  }

  /**
   * Watches the state: a snapshot, then every revision once, whole and in order, for as long as the loop runs.
   * Reconnects by itself and goes on after the last position: nothing is skipped, nothing comes twice. Reads no
   * faster than the loop does. `break` ends the call at the server.
   *
   * @throws CompactedError, EpochChangedError when the position is lost, unless `onLost` is `reset`;
   * InvalidRequestError for a filter that makes no sense.
   * @example
   * for await (const step of holdfast.watchState({ filter: 'service = airship' })) {
   *   if (step.type === 'change') console.log(step.revision, step.changes)
   * }
   */
  watchState(options: WatchOptions = {}): AsyncIterable<WatchEvent> {
    return { [Symbol.asyncIterator]: () => watchState(this.#connection, options) }
  }

  /** Reads one machine. @throws NotFoundError */
  async getMachine(name: string, options: reads.GetMachineOptions = {}): Promise<Machine> {
    return await reads.getMachine(this.#connection, name, options)
  }

  /** Lists machines, retired ones included, without their facets. */
  listMachines(options: reads.ListOptions = {}): Paginator<Machine> {
    return reads.listMachines(this.#connection, options)
  }

  /** Reads one service. @throws NotFoundError */
  async getService(name: string, options: reads.ReadOptions = {}): Promise<Service> {
    return await reads.getService(this.#connection, name, options)
  }

  /** Lists services. */
  listServices(options: reads.ListOptions = {}): Paginator<Service> {
    return reads.listServices(this.#connection, options)
  }

  /** Reads one instance, by `{machine}~{service}` or `{machine}~{service}~{slot}`. @throws NotFoundError */
  async getInstance(name: string, options: reads.ReadOptions = {}): Promise<Instance> {
    return await reads.getInstance(this.#connection, name, options)
  }

  /** Lists instances. */
  listInstances(options: reads.ListOptions = {}): Paginator<Instance> {
    return reads.listInstances(this.#connection, options)
  }

  /** Lists the declared, deployed and running version of each service on each machine, and their drift. */
  listVersions(options: Omit<reads.ListOptions, 'orderBy'> = {}): Paginator<VersionCell> {
    return reads.listVersions(this.#connection, options)
  }

  /** Lists what happened, newest first. */
  listTimeline(options: reads.TimelineOptions = {}): Paginator<TimelineEntry> {
    return reads.listTimeline(this.#connection, options)
  }

  /** Lists the sources of events, with what arrived and what is missing. */
  listSources(options: reads.PageOptions = {}): Paginator<Source> {
    return reads.listSources(this.#connection, options)
  }

  /** Sets labels of a machine; an empty value removes one. @throws NotFoundError, ConflictError */
  async updateMachine(name: string, options: changes.UpdateMachineOptions): Promise<changes.ChangedMachine> {
    return await changes.updateMachine(this.#connection, name, options)
  }

  /** Takes a machine out of use; late data does not revive it. @throws NotFoundError, ConflictError */
  async retireMachine(name: string, options: changes.RetireMachineOptions): Promise<changes.ChangedMachine> {
    return await changes.retireMachine(this.#connection, name, options)
  }

  /** Takes a retired machine back into use. @throws NotFoundError, ConflictError */
  async restoreMachine(name: string, options: changes.ChangeOptions = {}): Promise<changes.ChangedMachine> {
    return await changes.restoreMachine(this.#connection, name, options)
  }

  /** Says what a service is, and which version should run in an environment. @throws ConflictError */
  async declareService(
    name: string,
    options: changes.DeclareServiceOptions,
  ): Promise<changes.ChangedService> {
    return await changes.declareService(this.#connection, name, options)
  }

  /** The server's version, limits, clock and last revision. */
  async getServerInfo(options: CallOptions = {}): Promise<GetServerInfoResponse> {
    return await reads.getServerInfo(this.#connection, options)
  }

  async #write(outgoing: events.OutgoingEvent[], options: CallOptions): Promise<Written> {
    return await writeEvents(this.#connection, this.#source, outgoing, options)
  }

  #here<Options extends { machine?: MachineInput | undefined }>(options: Options) {
    return { ...options, machine: options.machine ?? this.#environment.machine }
  }
}

/** What {@link Holdfast.observe} takes. */
export interface ObservationOptions extends events.ObserveOptions, CallOptions {
  /** The machine's processes, at most 10,000. Replaces the last list. @defaultValue the last list stays */
  processes?: readonly events.ProcessInput[] | undefined
  /** Whether the list is all there is; if not, absence means nothing. @defaultValue true */
  processesComplete?: boolean | undefined
  /** Whether no process is missing, though some of their ports may be. @defaultValue false */
  processesListed?: boolean | undefined
  /** How often they are looked at: what the freshness of the instances goes by. @defaultValue as before */
  processesIntervalMs?: number | undefined
}

function unreachable(address: string, error: UnavailableError | DeadlineExceededError): UnavailableError {
  return new UnavailableError(`could not connect to ${address}: ${error.detail}`, {
    code: 'UNAVAILABLE',
    reason: error instanceof DeadlineExceededError ? 'CONNECT_TIMED_OUT' : error.reason,
    metadata: { ...error.metadata, address },
    retryAfterMs: error.retryAfterMs,
    cause: error,
  })
}
