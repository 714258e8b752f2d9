import type { Run as RunState } from '../../proto/gen/holdfast/v1/run.ts'
import type { CallOptions } from './connect-options.ts'
import type { Connection } from './connection.ts'
import { errorOfLockStatus } from './locks/lock-status.ts'
import { idOf, nameOf } from './machine-ref.ts'
import { present } from './reads.ts'
import { timestampFromDate } from './revision.ts'
import { type Method, type Rpc, rpc } from './rpc.ts'
import { RunLogWriter } from './run-log-writer.ts'
import { runService } from './run-reads.ts'
import { uuidV7 } from './uuid.ts'

/** What kind of work a run is. */
export type RunKind = 'deploy' | 'converge' | 'migration' | 'task'

/** How a run ended. */
export type RunEnd = 'succeeded' | 'failed' | 'cancelled'

/** What became of a target. */
export type TargetOutcome = 'pending' | 'succeeded' | 'failed' | 'skipped'

/** What {@link Holdfast.startRun} takes. */
export interface StartRunOptions extends CallOptions {
  kind: RunKind
  /** A UUID in lower case, the same in every attempt to start this run. @defaultValue minted */
  id?: string | undefined
  /** Required for a deploy. */
  service?: string | undefined
  /** Required for a deploy. */
  version?: string | undefined
  /** @defaultValue `production` */
  environment?: string | undefined
  /** @defaultValue `main` */
  slot?: string | undefined
  /** Who runs it. @defaultValue who the token belongs to */
  author?: string | undefined
  /** What it is, in a line. */
  title?: string | undefined
  /** The run that it is a part of. */
  parent?: string | undefined
  /** @defaultValue now, by the server's clock */
  startedAt?: Date | undefined
  /** The machines that it is about, at most 10,000. */
  machines?: readonly string[] | undefined
  /** At most 64. */
  labels?: Record<string, string> | undefined
  /**
   * The lock that it runs under. The run is abandoned if that ends before it, and takes nothing more; a start under
   * a lock that is not held is refused (STALE_TOKEN). @defaultValue none
   */
  lock?: { readonly name: string; readonly fencingToken: bigint } | undefined
}

/** What {@link Run.log} takes. */
export interface LogOptions {
  /** @defaultValue `stdout` */
  stream?: 'stdout' | 'stderr' | undefined
  /** The machine that it is about. @defaultValue none in particular */
  machine?: string | undefined
  /** When it came out. @defaultValue now */
  time?: Date | undefined
}

/** What {@link Run.finish} takes. */
export interface FinishOptions extends CallOptions {
  /** In words; at most 4 KiB. */
  message?: string | undefined
  /** Of the command that was run. */
  exitCode?: number | undefined
  /** @defaultValue now, by the server's clock */
  endedAt?: Date | undefined
}

const kinds = { deploy: 1, converge: 2, migration: 3, task: 4 } as const
const ends = { succeeded: 2, failed: 3, cancelled: 4 } as const
const outcomes = { pending: 1, succeeded: 2, failed: 3, skipped: 4 } as const

type Definition = Awaited<ReturnType<typeof runService>>

/** A run that this program makes. Disposed of before it was finished, it ends as failed. */
export class Run implements AsyncDisposable {
  readonly #connection: Connection
  readonly #definition: Definition
  readonly #log: RunLogWriter
  #state: RunState

  /** @internal */
  constructor(connection: Connection, definition: Definition, state: RunState) {
    this.#connection = connection
    this.#definition = definition
    this.#state = state
    this.#log = new RunLogWriter(connection, rpc(definition, definition.methods.appendRunLog), state.name)
  }

  /** `runs/{id}`. */
  get name(): string {
    return this.#state.name
  }

  /** The run as the server answered last. */
  get state(): RunState {
    return this.#state
  }

  /**
   * Appends to the log. Followers see it soon. Resolves when there is room for more: it need not be awaited for
   * each line, but a program that logs without end should. Rejects once the log has failed, of which {@link flush} and
   * {@link finish} tell as well.
   *
   * @param data text, or bytes as they came. Lines end where it says so.
   */
  log(data: string | Uint8Array, options: LogOptions = {}): Promise<void> {
    const appended = this.#append(data, options)
    // Of who does not await it a rejection would end the process.
    appended.catch(() => {})
    return appended
  }

  /** Resolves when all of the log up to here is durable. */
  async flush(): Promise<void> {
    await this.#log.flush()
  }

  /** Tells what became of a machine. Of a deploy that succeeded there, the version is the deployed one. */
  async target(
    machine: string,
    outcome: TargetOutcome,
    options: { message?: string | undefined } & CallOptions = {},
  ): Promise<void> {
    const target = {
      machine: idOf('machines', machine),
      outcome: outcomes[outcome],
      message: options.message ?? '',
    }
    const { methods } = this.#definition
    await this.#call(
      methods.reportTarget,
      { name: this.name, targets: [target], fencingToken: this.#state.fencingToken },
      options,
    )
  }

  /**
   * Ends the run once its log is durable. Again with the same outcome: does nothing.
   *
   * @throws HoldfastError with reason RUN_FINISHED when it ended otherwise.
   */
  async finish(end: RunEnd, options: FinishOptions = {}): Promise<void> {
    const { message = '', exitCode, endedAt } = options
    await this.#log.flush()
    const endTime = endedAt && timestampFromDate(endedAt)
    const { name, fencingToken } = this.#state
    const request = { name, state: ends[end], message, exitCode, endTime, fencingToken }
    await this.#call(this.#definition.methods.finishRun, request, options)
  }

  /** Ends it as failed, unless it was finished. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#state.state !== 1) return
    await this.finish('failed', { message: 'the program left it without saying how it ended' })
  }

  async #append(data: string | Uint8Array, options: LogOptions): Promise<void> {
    const { stream = 'stdout', machine = '', time = new Date() } = options
    await this.#log.append({
      data:
        typeof data === 'string'
          ? Buffer.from(data)
          : Buffer.from(data.buffer, data.byteOffset, data.byteLength),
      time: timestampFromDate(time),
      stream: stream === 'stderr' ? 2 : 1,
      machine: machine === '' ? '' : nameOf('machines', machine),
    })
  }

  async #call<Request>(
    method: Method<Request, { run: RunState | undefined }>,
    request: Request,
    options: CallOptions,
  ): Promise<void> {
    const call: Rpc<Request, { run: RunState | undefined }> = rpc(this.#definition, method, errorOfLockStatus)
    const { run } = await this.#connection.unary(call, request, options)
    this.#state = present(run)
  }
}

/** Starts a run. */
export async function startRun(connection: Connection, options: StartRunOptions): Promise<Run> {
  const { id = uuidV7(), service = '', parent = '', startedAt, machines = [], lock } = options
  const definition = await runService()
  const request = {
    name: nameOf('runs', id),
    kind: kinds[options.kind],
    service: idOf('services', service),
    version: options.version ?? '',
    environment: options.environment ?? '',
    slot: options.slot ?? '',
    author: options.author ?? '',
    title: options.title ?? '',
    parent: parent === '' ? '' : nameOf('runs', parent),
    startTime: startedAt && timestampFromDate(startedAt),
    machines: machines.map((machine) => idOf('machines', machine)),
    labels: options.labels ?? {},
    ...{ lock: lock?.name ?? '', fencingToken: lock?.fencingToken ?? 0n, lease: '' },
  }
  const { run } = await connection.unary(
    rpc(definition, definition.methods.startRun, errorOfLockStatus),
    request,
    options,
  )
  return new Run(connection, definition, present(run))
}
