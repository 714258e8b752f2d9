import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { HoldfastError } from '../../domain/error.ts'
import { processArguments, processStart } from './process-identity.ts'

/** A fast shutdown writes out all that is dirty; with a slow disk that takes a while. */
const fastShutdownMs = 60_000
const immediateShutdownMs = 10_000
const pollMs = 10

/**
 * Stops the PostgreSQL that a killed server left running, and removes a `postmaster.pid` whose pid now belongs
 * to something else. Must be called under the lock of the data directory. True when something was left behind.
 */
export async function settleOrphan(directory: string, log: Logger): Promise<boolean> {
  const file = join(directory, 'postmaster.pid')
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return false
  const pid = Number.parseInt(text, 10)
  const start = Number.isInteger(pid) ? processStart(pid) : undefined
  if (start === undefined) return true
  if (!(await servesDirectory(pid, directory))) {
    // PostgreSQL would take that process for itself, and refuse to start. It tells by its shared memory whether
    // the directory is really in use.
    await rm(file, { force: true })
    return true
  }
  log.warn({ pid }, 'stopping the database that a killed server left running')
  if (await ends(pid, start, 'SIGINT', fastShutdownMs)) return true
  if (await ends(pid, start, 'SIGQUIT', immediateShutdownMs)) return true
  throw new HoldfastError(
    'STORE_UNAVAILABLE',
    `the database of a killed server, pid ${pid}, does not stop: end that process`,
  )
}

/** By device and inode: the directory may have been reached by another path then. */
async function servesDirectory(pid: number, directory: string): Promise<boolean> {
  const args = processArguments(pid)
  const flag = args.indexOf('-D')
  const served = flag === -1 ? undefined : args[flag + 1]
  if (served === undefined) return false
  const [a, b] = await Promise.all([stat(served).catch(() => undefined), stat(directory)])
  return a !== undefined && a.ino === b.ino && a.dev === b.dev
}

async function ends(pid: number, start: string, signal: NodeJS.Signals, withinMs: number): Promise<boolean> {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true
    throw error
  }
  const deadline = performance.now() + withinMs
  while (performance.now() < deadline) {
    if (processStart(pid) !== start) return true
    await delay(pollMs)
  }
  return false
}
