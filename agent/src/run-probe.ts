import { spawn } from 'node:child_process'

/** What became of asking a program. */
export type ProbeOutcome = { output: string; code: number | null } | { failed: string }

export interface ProbeOptions {
  /** @defaultValue 2,000 */
  timeoutMs?: number | undefined
  /** How much of the output is looked at; a program that says more is ended. @defaultValue 64 KiB */
  maxBytes?: number
  /** The user and group to run as, when this process may choose. */
  uid?: number | undefined
  gid?: number | undefined
  /** The name that the program is told to be. @defaultValue the file */
  argv0?: string | undefined
  /** Added to an environment that else holds a path and the C locale only. */
  env?: Record<string, string>
  /** Whether only the standard output is looked at. @defaultValue false */
  stdoutOnly?: boolean
}

/**
 * Runs a program for its first words. Never rejects, and leaves nothing running: the program leads a process group
 * of its own, which is killed when it takes too long or says too much.
 */
export function runProbe(
  file: string,
  args: readonly string[],
  options: ProbeOptions = {},
): Promise<ProbeOutcome> {
  const { timeoutMs = 2_000, maxBytes = 64 * 1_024, uid, gid, argv0, env, stdoutOnly = false } = options
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      detached: true,
      stdio: ['ignore', 'pipe', stdoutOnly ? 'ignore' : 'pipe'],
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', ...env },
      ...(argv0 === undefined ? {} : { argv0 }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    })
    const chunks: Buffer[] = []
    let bytes = 0
    const end = (outcome: ProbeOutcome): void => {
      clearTimeout(timer)
      killGroup(child.pid)
      child.stdout?.destroy()
      child.stderr?.destroy()
      resolve(outcome)
    }
    const timer = setTimeout(() => end({ failed: `no end within ${timeoutMs} ms` }), timeoutMs)
    const take = (chunk: Buffer): void => {
      chunks.push(chunk)
      bytes += chunk.length
      if (bytes > maxBytes) end({ failed: `more than ${maxBytes} bytes of output` })
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.once('error', (error) => end({ failed: error.message }))
    child.once('close', (code) => end({ output: Buffer.concat(chunks).toString(), code }))
  })
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
