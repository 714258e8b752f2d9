import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { UsageError } from './usage-error.ts'

/** How often to look whether a process group that was told to end has ended. */
const LOOK_MS = 20

/**
 * Outlives this program when that is killed, and then ends the command, which would go on without the lock. It
 * waits for a line, which it gets when there is nothing left to end, or for the end of its input.
 */
const GUARD = 'read -r line && exit; kill -s TERM -- "-$1"; sleep "$2"; kill -s KILL -- "-$1"'

/** Takes what a command writes. The command waits while it is not taken. */
export type TakeOutput = (stream: 'stdout' | 'stderr', data: Uint8Array) => Promise<void>

/**
 * How long a command has between SIGTERM and SIGKILL unless something else is asked for: half of the margin that the
 * SDK keeps before the lease can expire, so that the command is gone, and not just being killed, when the lock passes on.
 */
export const graceWithin = (ttlMs: number): number => ttlMs / 20

/**
 * A command that runs in a process group of its own, with the input and output of this program. When this program
 * dies of whatever cause, the group is ended.
 */
export class WrappedCommand {
  /** Its exit code; 128 and the number of the signal that ended it. Rejects when it cannot be started. */
  readonly ended: Promise<number>
  /** Resolves when all that it wrote was taken. What it left running in the background may write on. */
  readonly written: Promise<void>
  readonly #child: ChildProcess
  readonly #guard: ChildProcess | undefined
  readonly #graceMs: number

  /**
   * @param options.graceMs how long it has between SIGTERM and SIGKILL
   * @param options.takeOutput takes what it writes, in place of the output of this program
   */
  constructor(
    command: readonly string[],
    options: { env: NodeJS.ProcessEnv; graceMs: number; takeOutput?: TakeOutput },
  ) {
    const [file = '', ...args] = command
    const { env, graceMs, takeOutput } = options
    this.#graceMs = graceMs
    this.#child = spawn(file, args, {
      env,
      stdio: takeOutput === undefined ? 'inherit' : ['inherit', 'pipe', 'pipe'],
      detached: true,
    })
    this.written = takenFrom(this.#child, takeOutput)
    this.ended = new Promise((resolve, reject) => {
      this.#child.once('error', (error) => reject(notStarted(file, error)))
      this.#child.once('exit', (code, signal) =>
        resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']),
      )
    })
    const { pid } = this.#child
    if (pid === undefined) return
    this.#guard = spawn('/bin/sh', ['-c', GUARD, 'holdfast-guard', String(pid), String(graceMs / 1_000)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    })
    // A guard that is not there guards nothing, and the command runs all the same.
    this.#guard.on('error', () => {}).unref()
    this.#guard.stdin?.on('error', () => {})
  }

  /** Sends a signal to the whole group. False when nothing of it is left. */
  signal(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this.#child
    if (pid === undefined) return false
    try {
      return process.kill(-pid, signal)
    } catch (error) {
      // Of another user, as after sudo: it is there.
      return (error as NodeJS.ErrnoException).code === 'EPERM'
    }
  }

  /** Ends the group: SIGTERM, the grace, SIGKILL. Resolves when nothing of it is left. */
  async stop(): Promise<void> {
    this.signal('SIGTERM')
    // What is stopped would not hear of the end.
    this.signal('SIGCONT')
    const deadlineMs = performance.now() + this.#graceMs
    while (this.signal(0)) {
      if (performance.now() >= deadlineMs) {
        this.signal('SIGKILL')
        break
      }
      await pause(LOOK_MS)
    }
    await this.ended.catch(() => {})
  }

  /** Lets the guard go. What the command left running in the background goes on. */
  async unguard(): Promise<void> {
    const input = this.#guard?.stdin
    if (input?.writable) await new Promise<void>((resolve) => input.end('\n', () => resolve()))
  }
}

async function takenFrom(child: ChildProcess, take: TakeOutput | undefined): Promise<void> {
  if (take === undefined) return
  const takeAll = async (name: 'stdout' | 'stderr'): Promise<void> => {
    for await (const data of child[name] ?? []) await take(name, data)
  }
  await Promise.all([takeAll('stdout'), takeAll('stderr')])
}

/** Shells have codes of their own for it, 126 and 127, which a script cannot tell from the command's. */
function notStarted(file: string, error: NodeJS.ErrnoException): UsageError {
  const why = error.code === 'ENOENT' ? 'there is no such command' : error.message
  return new UsageError(`${JSON.stringify(file)} cannot be run: ${why}`)
}
