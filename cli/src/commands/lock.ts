import { hostname, userInfo } from 'node:os'
import {
  type AcquiredLock,
  type AcquireOptions,
  HoldfastError,
  type QueuedUpdate,
  StaleTokenError,
} from '@holdfast/sdk'
import type { CommandContext } from '../command-context.ts'
import { commandText } from '../command-text.ts'
import { type ExitCode, exitCode } from '../exit-code.ts'
import { InterruptedError, Interruptions } from '../interruptions.ts'
import { blockersText } from '../output/blocker-lines.ts'
import { printable } from '../output/terminal-text.ts'
import { graceWithin, WrappedCommand } from '../wrapped-command.ts'

/** What `lock` takes. */
export interface LockFlags {
  wait: number
  ttl: number
  grace?: number
  reason?: string
  shared?: boolean
  maxHold?: number
  requires?: string[]
  attribute?: Record<string, string>
  override?: string
}

/**
 * `holdfast lock`: runs a command while the lock is held, and ends it when the lock is lost. Gives the command's
 * own exit code.
 */
export async function lock(
  context: CommandContext,
  scope: string,
  command: readonly string[],
  flags: LockFlags,
): Promise<number> {
  const holdfast = context.client({ owner: ownerHere(), onWarning: (text) => context.warn(text) })
  // Within what the SDK keeps between a loss and the end of the lease: the command is gone before anybody else
  // can be granted the scope. Who wants longer keeps the scope closed for as long.
  const graceMs = flags.grace ?? graceWithin(flags.ttl)
  const options: AcquireOptions = {
    ttlMs: flags.ttl,
    waitMs: flags.wait,
    reason: flags.reason ?? commandText(command, 120),
    mode: flags.shared === true ? 'shared' : 'exclusive',
    requires: flags.requires,
    attributes: flags.attribute,
    maxHoldMs: flags.maxHold,
    lockDelayMs: flags.grace,
    overrideReason: flags.override,
    onReleaseRequest: ({ requestedBy, reason }) =>
      context.warn(`${printable(requestedBy)} asks that you let go of ${scope}: ${printable(reason)}`),
  }
  const waiting = new AbortController()
  let running: WrappedCommand | undefined
  const interruptions = new Interruptions(
    (signal) => {
      if (running === undefined) waiting.abort(new InterruptedError(signal))
      else running.signal(signal)
    },
    () => context.warn('not suspended: a program that stands still cannot keep a lock'),
  )
  try {
    // A server that is not there is told of now: what waits in line would look for it as long as it may wait.
    await holdfast.getServerInfo({ signal: waiting.signal })
    const held = await holdfast.acquireLock(scope, {
      ...options,
      signal: waiting.signal,
      onQueued: (queued) => tellQueued(context, scope, queued),
    })
    try {
      waiting.signal.throwIfAborted()
      const env = { ...context.env, HOLDFAST_FENCE: held.fence }
      running = new WrappedCommand(command, { env, graceMs })
      return await runUnder(context, held, running)
    } finally {
      await running?.unguard()
      // Again, or of what is lost: nothing.
      await held.release().catch(() => {})
    }
  } catch (error) {
    if (!(error instanceof InterruptedError)) throw error
    await holdfast.locksHeard()
    context.warn(`gave up waiting for ${scope}`)
    return error.exitCode
  } finally {
    interruptions.close()
  }
}

/** Says who is before it, why and since when. */
export function tellQueued(context: CommandContext, scope: string, queued: QueuedUpdate): void {
  const { place, blockers, totalBlockers } = queued
  context.warn(`waiting for ${scope}, ${place === 1 ? 'next in line' : `number ${place} in line`}`)
  for (const line of blockersText(blockers, totalBlockers, new Date())) context.warn(line)
}

/** Waits for the end of the command, and ends it when the lock is lost before. */
async function runUnder(
  context: CommandContext,
  held: AcquiredLock,
  command: WrappedCommand,
): Promise<number> {
  const ended = await endedOrLost(command, held)
  if (typeof ended === 'number') return (await letGo(context, held)) ?? ended
  context.warn(ended instanceof HoldfastError ? ended.detail : ended.message)
  context.warn('stopping the command')
  await command.stop()
  return exitCode.lockLost
}

/** The command's exit code; or how the lock was lost while it ran. */
async function endedOrLost(command: WrappedCommand, { signal }: AcquiredLock): Promise<number | Error> {
  if (signal.aborted) return signal.reason
  const lost = new Promise<Error>((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true })
  })
  return await Promise.race([command.ended, lost])
}

/** Releases the lock after the command. Gives an exit code when it was lost before. */
async function letGo(context: CommandContext, held: AcquiredLock): Promise<ExitCode | undefined> {
  try {
    await held.release()
    return undefined
  } catch (error) {
    if (error instanceof StaleTokenError) {
      context.warn(`the lock was lost before the command ended: ${error.detail}`)
      return exitCode.lockLost
    }
    if (!(error instanceof HoldfastError)) throw error
    context.warn(`the lock could not be released and passes with its TTL: ${error.detail}`)
    return undefined
  }
}

/** `ada on deploy-1 (pid 4711)`. */
export function ownerHere(): string {
  return `${userName()} on ${hostname()} (pid ${process.pid})`
}

function userName(): string {
  try {
    return userInfo().username
  } catch {
    // In a container a user may have a number and no name.
    return `uid ${process.getuid?.()}`
  }
}
