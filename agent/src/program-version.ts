import { stat } from 'node:fs/promises'
import type { ObservedProcess } from './observed-process.ts'
import { processUser } from './process-user.ts'
import { runProbe } from './run-probe.ts'
import { trustedPath } from './trusted-path.ts'

/** What executables answer with their version, by name, and with which argument. */
const VERSION_ARGUMENT: Record<string, string> = {
  'redis-server': '--version',
  'valkey-server': '--version',
  nginx: '-v',
  postgres: '--version',
  mysqld: '--version',
  mariadbd: '--version',
  mongod: '--version',
  memcached: '--version',
  haproxy: '-v',
  apache2: '-v',
  httpd: '-v',
  dockerd: '--version',
  containerd: '--version',
  sshd: '-V',
  etcd: '--version',
  prometheus: '--version',
  consul: '--version',
  vault: '--version',
  rsyslogd: '-v',
  chronyd: '--version',
}

/**
 * Sets the versions of the processes whose executables are known to tell it when asked. They are run as the user of
 * their process, so that nobody gets this process's rights by the name of a program; one of another mount namespace,
 * such as a container's, is not run at all, nor as root one that others may change. What gives no version in time is
 * left without one.
 */
export async function readVersions(
  processes: readonly ObservedProcess[],
  known: VersionCache = new Map(),
  limits: { timeoutMs?: number | undefined } = {},
): Promise<void> {
  const asked = new Map<string, Promise<string>>()
  for (const one of processes) {
    const program = programOf(one)
    if (program === undefined || one.executablePath === '') continue
    const key = `${program}\n${one.executablePath}\n${one.userName}`
    let version = asked.get(key)
    if (version === undefined) {
      version = versionOf(one, program, { known, ...limits })
      asked.set(key, version)
    }
    const found = await version
    if (found !== '') one.version = found
  }
}

/** The name by which a version is asked: of one file that is several programs, the one that it was started as. */
function programOf({ executableName, commandArgs }: ObservedProcess): string | undefined {
  const called = (commandArgs[0] ?? '').split(' ', 1)[0]!.replace(/:$/, '').replace(/^.*\//, '')
  return [called, executableName].find((name) => Object.hasOwn(VERSION_ARGUMENT, name))
}

/** Versions by executable, its time of change and its user: an executable is asked once. */
export type VersionCache = Map<string, string>

async function versionOf(
  one: ObservedProcess,
  program: string,
  { known, timeoutMs }: { known: VersionCache; timeoutMs?: number | undefined },
): Promise<string> {
  try {
    const user = await processUser(one)
    if (user === undefined) return ''
    const executable = user.uid === 0 ? await trustedPath(one.executablePath) : { path: one.executablePath }
    if ('failed' in executable) return ''
    const { path } = executable
    const { mtimeMs, ino } = await stat(path)
    const key = [program, path, ino, mtimeMs, user.uid].join('\n')
    const before = known.get(key)
    if (before !== undefined) return before
    const args = [VERSION_ARGUMENT[program]!]
    const outcome = await runProbe(path, args, { argv0: program, timeoutMs, ...user.become })
    const version = 'output' in outcome ? versionIn(outcome.output) : ''
    known.set(key, version)
    return version
  } catch {
    // The process has ended, or its executable is gone.
    return ''
  }
}

/** The first thing in a text that looks like a version, such as `7.0.15` in `Redis server v=7.0.15 sha=…`. */
export function versionIn(text: string): string {
  return /(?:^|[^A-Za-z0-9.])v?=?(\d+(?:\.\d+)+[\w.+~-]{0,40}|\d+\.\d+)/.exec(text.slice(0, 4_096))?.[1] ?? ''
}
