import type { Holdfast } from './holdfast.ts'
import type { AcquireOptions } from './locks/acquire-options.ts'
import type { AcquiredLock } from './locks/acquired-lock.ts'
import { deployScopes } from './locks/deploy-scopes.ts'
import type { Run, StartRunOptions } from './run.ts'

/** What {@link Holdfast.deploy} takes. */
export interface DeployOptions
  extends Pick<StartRunOptions, 'environment' | 'slot' | 'author' | 'title' | 'parent' | 'labels'>,
    Omit<AcquireOptions, 'mode' | 'attributes' | 'requestId'> {
  service: string
  version: string
  /**
   * The machines, at most 10,000. Up to 64 are locked one by one, so that others may deploy elsewhere; beyond that the
   * service is locked in its environment. @defaultValue none in particular: the service is locked in its environment
   */
  machines?: readonly string[] | undefined
  /** Puts up a hold on the service in its environment when the work fails, before the lock is released. */
  holdOnFailure?: boolean | undefined
}

const running = 1

type Client = Pick<Holdfast, 'acquireLock' | 'startRun' | 'placeHold'>
type Work<T> = (run: Run, signal: AbortSignal, lock: AcquiredLock) => T | Promise<T>

/** See {@link Holdfast.deploy}. */
export async function deploy<T>(holdfast: Client, options: DeployOptions, work: Work<T>): Promise<T> {
  const { version, reason = `deploy ${version}` } = options
  const lock = await holdfast.acquireLock(deployScopes(options), {
    ...options,
    reason,
    attributes: { version },
  })
  try {
    const { signal: cancelled, timeoutMs, waitMs: _, ...about } = options
    const run = await holdfast.startRun({ ...about, kind: 'deploy', lock, timeoutMs })
    const signal = cancelled === undefined ? lock.signal : AbortSignal.any([lock.signal, cancelled])
    return await workUnder(holdfast, options, { run, lock, signal, work })
  } finally {
    // The run has ended by now, or ends with the lock.
    await lock.release().catch(() => {})
  }
}

async function workUnder<T>(
  holdfast: Client,
  options: DeployOptions,
  { run, lock, signal, work }: { run: Run; lock: AcquiredLock; signal: AbortSignal; work: Work<T> },
): Promise<T> {
  try {
    const result = await work(run, signal, lock)
    // What was made without the lock must not pass for what was made under it.
    lock.assertHeld()
    if (run.state.state === running) await run.finish('succeeded')
    return result
  } catch (error) {
    // The server has abandoned the run, and takes nothing more of it.
    if (lock.signal.aborted) throw lock.signal.reason
    const cancelled = options.signal?.aborted === true
    await fail(run, error, cancelled)
    if (options.holdOnFailure && !cancelled) await holdUp(holdfast, options, error)
    throw error
  }
}

async function fail(run: Run, error: unknown, cancelled: boolean): Promise<void> {
  if (run.state.state !== running) return
  const message = textOf(error).slice(0, 1000)
  // Without an answer the run is abandoned when the lock ends; the error of the work matters more.
  await run.finish(cancelled ? 'cancelled' : 'failed', { message }).catch(() => {})
}

async function holdUp(holdfast: Client, options: DeployOptions, error: unknown): Promise<void> {
  const { service, version, environment } = options
  const reason = `the deploy of ${version} failed: ${textOf(error)}`.slice(0, 1000)
  try {
    await holdfast.placeHold({ service, environment: environment ?? 'production' }, { reason })
  } catch (failure) {
    throw new AggregateError(
      [error, failure],
      `${textOf(error)}; and no hold could be put up: ${textOf(failure)}`,
    )
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
