import type { GetServerInfoResponse, Source } from '../../proto/gen/holdfast/v1/admin_service.ts'
import type { Machine } from '../../proto/gen/holdfast/v1/machine.ts'
import type { Instance, Service } from '../../proto/gen/holdfast/v1/service.ts'
import type { TimelineEntry } from '../../proto/gen/holdfast/v1/timeline.ts'
import type { VersionCell } from '../../proto/gen/holdfast/v1/version.ts'
import * as changes from './changes.ts'
import type { CallOptions, ConnectOptions } from './connect-options.ts'
import { Connection } from './connection.ts'
import type { ConnectionState } from './connection-state.ts'
import { readEnvironment } from './environment.ts'
import { DeadlineExceededError, UnavailableError } from './errors.ts'
import type { Paginator } from './paginator.ts'
import * as reads from './reads.ts'
import { ReportingClient } from './reporting-client.ts'
import { type WatchOptions, watchState } from './watch.ts'
import type { WatchEvent } from './watch-event.ts'

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
export class Holdfast extends ReportingClient implements AsyncDisposable {
  readonly #connection: Connection

  private constructor(options: ConnectOptions) {
    const environment = readEnvironment()
    const { address = environment.address, token = environment.token } = options
    const connection = new Connection({ ...options, address, token })
    const source = options.source ?? `sdk/${environment.machine}`
    super(connection, {
      source,
      machine: environment.machine,
      owner: options.owner ?? `${source} (pid ${process.pid})`,
    })
    this.#connection = connection
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
