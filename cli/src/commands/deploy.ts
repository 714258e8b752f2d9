import { setTimeout as pause } from 'node:timers/promises'
import { type AcquiredLock, type RunHandle, StaleTokenError } from '@holdfast/sdk'
import type { CommandContext } from '../command-context.ts'
import { commandText } from '../command-text.ts'
import { exitCode } from '../exit-code.ts'
import { InterruptedError, Interruptions } from '../interruptions.ts'
import { graceWithin, type TakeOutput, WrappedCommand } from '../wrapped-command.ts'
import { ownerHere, tellQueued } from './lock.ts'

/** What `deploy` takes. */
export interface DeployFlags {
  version: string
  to: string[]
  environment?: string
  slot?: string
  wait: number
  ttl: number
  reason?: string
  requires?: string[]
  holdOnFailure?: boolean
  override?: string
}

/** How long what a command left in the background may go on to write into the log. */
const LAST_WORDS_MS = 1_000

/** The command ended, and not well. */
class CommandFailedError extends Error {
  readonly exitCode: number

  constructor(command: string, code: number) {
    super(`${command} exited with ${code}`)
    this.exitCode = code
  }
}

/** `holdfast deploy`: runs a command as a deploy. Gives the command's own exit code. */
export async function deploy(
  context: CommandContext,
  service: string,
  { command, ...flags }: DeployFlags & { command: readonly string[] },
): Promise<number> {
  const holdfast = context.client({ owner: ownerHere(), onWarning: (text) => context.warn(text) })
  const waiting = new AbortController()
  let running: WrappedCommand | undefined
  let interrupted = false
  const interruptions = new Interruptions(
    (signal) => {
      interrupted = true
      if (running === undefined) waiting.abort(new InterruptedError(signal))
      else running.signal(signal)
    },
    () => context.warn('not suspended: a program that stands still cannot keep a lock'),
  )
  const environment = flags.environment ?? context.settings.environment
  const options = {
    ...{ service, version: flags.version, machines: flags.to, environment },
    ...{ slot: flags.slot, waitMs: flags.wait, ttlMs: flags.ttl, reason: flags.reason },
    ...{ requires: flags.requires, holdOnFailure: flags.holdOnFailure, overrideReason: flags.override },
    ...{ title: commandText(command, 60), signal: waiting.signal },
  }
  try {
    // A server that is not there is told of now: what waits in line would look for it as long as it may wait.
    await holdfast.getServerInfo({ signal: waiting.signal })
    const onQueued = tellQueued.bind(undefined, context, service)
    return await holdfast.deploy({ ...options, onQueued }, async (run, _, lock) => {
      waiting.signal.throwIfAborted()
      context.warn(`${run.name} begins; follow it with: holdfast log ${run.name} --follow`)
      running = new WrappedCommand(command, {
        env: { ...context.env, HOLDFAST_RUN: run.name, HOLDFAST_FENCE: lock.fence },
        graceMs: graceWithin(flags.ttl),
        takeOutput: shownAndKept(context, run),
      })
      const code = await endOf(running, lock)
      if (interrupted && code !== 0) {
        await run.finish('cancelled', { message: `${command[0]} was interrupted`, exitCode: code })
        return code
      }
      const failed = code === 0 ? undefined : new CommandFailedError(command[0]!, code)
      await run.finish(failed ? 'failed' : 'succeeded', { message: failed?.message, exitCode: code })
      if (failed) throw failed
      return code
    })
  } catch (error) {
    return await toldEnd(error)
  } finally {
    interruptions.close()
  }

  async function toldEnd(error: unknown): Promise<number> {
    if (error instanceof AggregateError) {
      context.warn(error.message)
      return await toldEnd(error.errors[0])
    }
    if (error instanceof CommandFailedError) return error.exitCode
    if (error instanceof StaleTokenError) {
      context.warn(`the lock was lost before the deploy was recorded: ${error.message}`)
      return exitCode.lockLost
    }
    if (!(error instanceof InterruptedError)) throw error
    await holdfast.locksHeard()
    context.warn(`gave up waiting for ${service}`)
    return error.exitCode
  }
}

/** The command's exit code, once all that it wrote is taken. Stops it, and throws, when the lock is lost before. */
async function endOf(command: WrappedCommand, { signal }: AcquiredLock): Promise<number> {
  let lose: () => void = () => {}
  const loss = new Promise<undefined>((resolve) => {
    lose = () => resolve(undefined)
  })
  signal.addEventListener('abort', lose, { once: true })
  try {
    if (signal.aborted) lose()
    const code = await Promise.race([command.ended, loss])
    if (code === undefined) {
      await command.stop()
      throw signal.reason
    }
    const late = new AbortController()
    const silence = pause(LAST_WORDS_MS, undefined, { signal: late.signal }).catch(() => {})
    await Promise.race([command.written, silence])
    late.abort()
    return code
  } finally {
    signal.removeEventListener('abort', lose)
    await command.unguard()
  }
}

/**
 * What the command writes is shown at once and kept, each for as long as that can be: a reader that has gone, such as
 * `head`, is no reason to break off a deploy.
 */
function shownAndKept(context: CommandContext, run: RunHandle): TakeOutput {
  let shown = true
  let kept = true
  return async (stream, data) => {
    if (stream === 'stderr') process.stderr.write(data)
    else if (shown) {
      await context.print(data).catch(() => {
        shown = false
      })
    }
    if (!kept) return
    try {
      await run.log(data, { stream })
    } catch (error) {
      kept = false
      context.warn(`the log is not kept any more: ${(error as Error).message}`)
    }
  }
}
