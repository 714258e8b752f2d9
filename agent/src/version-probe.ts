import { readlink, realpath, stat } from 'node:fs/promises'
import { basename, isAbsolute, join, normalize, sep } from 'node:path'
import type { ObservedProcess } from './observed-process.ts'
import { processUser } from './process-user.ts'
import { versionIn } from './program-version.ts'
import { type ProbeOutcome, runProbe } from './run-probe.ts'
import { type Found, trustedPath } from './trusted-path.ts'

/** Where a rule says that the version of a process is to be read: one of the two. */
export interface VersionProbe {
  file: string
  command: string
}

export interface ProbeLimits {
  /** Directories of what a rule may name. */
  allowed: readonly string[]
  /** @defaultValue 2,000 */
  timeoutMs?: number | undefined
}

export type ProbeAnswer = { version: string } | { failed: string }

/** What is a version by its name, wherever it lies. */
const VERSION_FILE = /^(pg_)?(version|revision|release)(\.txt)?$/i
const COMMAND = /^[A-Za-z0-9._-]{1,64}$/
const MAX_FILE_BYTES = 4_096

/**
 * Reads a version where a rule says. A rule comes from the server, and whoever may put one must not get to run or read
 * what they like on every machine: a command is a name, looked up in `allowed` directories only, and without arguments;
 * a file is one that is called VERSION or the like, or lies in those directories. Both as the user of the process.
 */
export async function probeVersion(
  one: ObservedProcess,
  { file, command }: VersionProbe,
  { allowed, timeoutMs }: ProbeLimits,
): Promise<ProbeAnswer> {
  const user = await processUser(one)
  if (user === undefined) {
    return { failed: 'the process is of another user or container, or has become another or ended' }
  }
  if (command !== '') {
    const program = await allowedProgram(command, allowed)
    if ('failed' in program) return program
    const env = aboutProcess(one)
    return answerOf(await runProbe(program.path, [], { ...user.become, stdoutOnly: true, timeoutMs, env }))
  }
  const found = await allowedFile(one.pid, file, { allowed, asRoot: user.uid === 0 })
  if ('failed' in found) return found
  // As another program, so that the process's user reads it, and what hangs (a pipe, a lost share) can be left.
  const args = ['-c', String(MAX_FILE_BYTES), '--', found.path]
  const outcome = await runProbe('head', args, { ...user.become, stdoutOnly: true, timeoutMs })
  if ('code' in outcome && outcome.code !== 0) return { failed: `${found.path} cannot be read by its user` }
  return answerOf(outcome)
}

/** With the rights of root nothing is read that others may exchange for a link to what they may not read themselves. */
async function allowedFile(
  pid: number,
  file: string,
  { allowed, asRoot }: { allowed: readonly string[]; asRoot: boolean },
): Promise<Found> {
  let path = normalize(file)
  try {
    if (!isAbsolute(path)) path = join(await readlink(`/proc/${pid}/cwd`), path)
    if (VERSION_FILE.test(basename(path))) return asRoot ? await trustedPath(path) : { path }
    const real = await realpath(path)
    for (const directory of allowed) {
      if (!real.startsWith(`${await realpath(directory)}${sep}`)) continue
      return asRoot ? await trustedPath(real) : { path: real }
    }
  } catch {
    return { failed: `there is no ${path}` }
  }
  return {
    failed: `${path} is not called VERSION, REVISION or RELEASE, nor in a directory of --allow-probes`,
  }
}

async function allowedProgram(command: string, allowed: readonly string[]): Promise<Found> {
  if (!COMMAND.test(command)) return { failed: 'the command is no name of a program' }
  for (const directory of allowed) {
    const path = join(directory, command)
    const found = await stat(path).catch(() => undefined)
    if (found === undefined || !found.isFile()) continue
    const holder = await trustedPath(directory)
    return 'failed' in holder ? holder : await trustedPath(join(holder.path, command))
  }
  return { failed: `there is no program ${command} in a directory of --allow-probes` }
}

const aboutProcess = ({ pid, executablePath, listeningPorts }: ObservedProcess): Record<string, string> => ({
  HOLDFAST_PID: String(pid),
  HOLDFAST_EXECUTABLE: executablePath,
  HOLDFAST_PORTS: listeningPorts.join(' '),
})

function answerOf(outcome: ProbeOutcome): ProbeAnswer {
  if ('failed' in outcome) return outcome
  if (outcome.code !== 0) return { failed: `it ended with ${outcome.code ?? 'a signal'}` }
  const version = versionTold(outcome.output)
  return version === '' ? { failed: 'there is no version in it' } : { version }
}

/** The first line when it is one word, such as the hash of a commit; else the first thing that looks like a version. */
export function versionTold(text: string): string {
  const [line = ''] = text.trim().split('\n', 1)
  return /^[\x21-\x7e]{1,128}$/.test(line.trim()) ? line.trim() : versionIn(text)
}
