import type { Run, RunTarget } from '../../proto/gen/holdfast/v1/run.ts'
import type { Connection } from './connection.ts'
import type { DeployOptions } from './deploy.ts'
import { DiscoveringClient } from './discovering-client.ts'
import type { AcquiredLock } from './locks/acquired-lock.ts'
import type { Paginator } from './paginator.ts'
import type * as reads from './reads.ts'
import type * as runs from './run.ts'
import { type LogPiece, type ReadRunLogOptions, readRunLog } from './run-log-reader.ts'
import { type ListRunsOptions, listRuns, listRunTargets } from './run-reads.ts'

/** What a client does about runs and their logs: the part of {@link Holdfast} that is theirs. */
export abstract class RunningClient extends DiscoveringClient {
  readonly #connection: Connection

  /** @internal */
  protected constructor(connection: Connection, owner: string) {
    super(connection, owner)
    this.#connection = connection
  }

  /**
   * Starts a run, and gives what tells of it: its log, its targets, its end. Tried again, it is the same run.
   *
   * @example
   * await using run = await holdfast.startRun({ kind: 'deploy', service: 'airship', version: '20110502', machines: ['web-0'] })
   * await run.log('migrating\n')
   * await run.target('web-0', 'succeeded')
   * await run.finish('succeeded')
   */
  async startRun(options: runs.StartRunOptions): Promise<runs.Run> {
    return await (await import('./run.ts')).startRun(this.#connection, options)
  }

  /**
   * Deploys: locks the service on its machines, starts a run under the lock, does the work, ends the run, and
   * releases the lock. The run succeeds when the work does, unless the work ended it otherwise; machines that the
   * work told nothing of with `run.target` end as the run does. The signal is aborted when the lock is lost, or
   * `options.signal` is: stop then. A run whose lock is lost is abandoned by the server.
   *
   * @throws what the work throws; LockLostError when the lock was lost before the work was done; LockHeldError,
   * BlockedError, AcquireTimedOutError when it may not begin, with who or what is in the way.
   * @example
   * await holdfast.deploy({ service: 'airship', version: '20110502', machines: ['web-0'], waitMs: 60_000 }, async (run, signal) => {
   *   await run.log('migrating\n')
   *   await unpack('airship-20110502.tar', { signal })
   * })
   */
  async deploy<T>(
    options: DeployOptions,
    work: (run: runs.Run, signal: AbortSignal, lock: AcquiredLock) => T | Promise<T>,
  ): Promise<T> {
    return await (await import('./deploy.ts')).deploy(this, options, work)
  }

  /** Reads one run. @throws NotFoundError */
  async getRun(name: string, options: reads.ReadOptions = {}): Promise<Run> {
    return await (await import('./run-reads.ts')).getRun(this.#connection, name, options)
  }

  /** Lists runs, the one that began last first. */
  listRuns(options: ListRunsOptions = {}): Paginator<Run> {
    return listRuns(this.#connection, options)
  }

  /** Lists the machines that a run is about, and what became of each. */
  listRunTargets(name: string, options: reads.PageOptions = {}): Paginator<RunTarget> {
    return listRunTargets(this.#connection, name, options)
  }

  /**
   * Reads the log of a run, and with `follow` goes on until the run has ended. Comes back by itself where it
   * was when its server goes away. `break` ends the call at the server.
   *
   * @example
   * for await (const { data } of holdfast.readRunLog(run.name, { follow: true })) process.stdout.write(data)
   */
  readRunLog(name: string, options: ReadRunLogOptions = {}): AsyncIterable<LogPiece> {
    return { [Symbol.asyncIterator]: () => readRunLog(this.#connection, name, options) }
  }
}
