import { readFile, readlink } from 'node:fs/promises'
import { basename } from 'node:path'
import type { ObservedProcess, ProcessOwner } from './observed-process.ts'
import { cutCommandArgs, cutText } from './observed-process.ts'
import { hideSecrets } from './secret-arguments.ts'

/** What the whole machine says that each process is read against. */
export interface ProcessClock {
  /** When the machine came up, in seconds since 1970. */
  bootSeconds: number
  /** User names by uid. */
  users: ReadonlyMap<number, string>
}

/** What /proc/[pid]/stat tells. */
export interface ProcessStat {
  name: string
  parentPid: number
  kernelThread: boolean
  zombie: boolean
  /** Clock ticks after the machine came up. */
  startTicks: number
}

// USER_HZ: what the kernel shows to programs, 100 on every architecture that Node runs on.
const TICKS_PER_SECOND = 100
// PF_KTHREAD of include/linux/sched.h.
const KERNEL_THREAD = 0x0020_0000

/**
 * Reads one process. Undefined when it ended meanwhile, and for kernel threads and zombies, which run
 * nothing. What this user may not read stays empty.
 */
export async function readProcess(pid: number, clock: ProcessClock): Promise<ObservedProcess | undefined> {
  const directory = `/proc/${pid}`
  const statText = await bytesOf(`${directory}/stat`)
  const stat = statText === undefined ? undefined : parseStat(statText)
  if (stat === undefined || stat.kernelThread || stat.zombie) return undefined
  const [status, cmdline, group, path] = await Promise.all([
    bytesOf(`${directory}/status`),
    bytesOf(`${directory}/cmdline`),
    bytesOf(`${directory}/cgroup`),
    executablePath(directory),
  ])
  if (status === undefined) return undefined
  const statusText = status.toString()
  const uid = Number(/^Uid:\s+(\d+)/m.exec(statusText)?.[1] ?? Number.NaN)
  const resident = Number(/^VmRSS:\s+(\d+) kB/m.exec(statusText)?.[1] ?? 0)
  return {
    pid,
    parentPid: stat.parentPid,
    executableName: cutText(path === '' ? stat.name : basename(path), 1_024),
    executablePath: path,
    owner: ownerIn(statusText, stat),
    commandArgs: cutCommandArgs(hideSecrets(splitCommandLine(cmdline ?? Buffer.alloc(0)))),
    userName: clock.users.get(uid) ?? (Number.isNaN(uid) ? '' : String(uid)),
    createdAt: new Date(Math.round((clock.bootSeconds + stat.startTicks / TICKS_PER_SECOND) * 1_000)),
    listeningPorts: [],
    controlGroup: parseControlGroup((group ?? '').toString()),
    residentBytes: resident * 1_024,
  }
}

/** Whose a process is, and then what it runs: who that was is told by looking again. */
export async function readOwner(pid: number): Promise<Pick<ObservedProcess, 'owner' | 'executablePath'>> {
  const directory = `/proc/${pid}`
  const status = await bytesOf(`${directory}/status`)
  const statText = await bytesOf(`${directory}/stat`)
  const stat = statText && parseStat(statText)
  return {
    owner: status && stat && ownerIn(status.toString(), stat),
    executablePath: await executablePath(directory),
  }
}

/**
 * Whose a process is, by /proc/[pid]/status. Undefined when its real, effective and saved user or group are not one:
 * then it may have the rights of several, as a setuid program has.
 */
export function ownerIn(
  status: string,
  { startTicks }: Pick<ProcessStat, 'startTicks'>,
): ProcessOwner | undefined {
  const [uid, gid] = ['Uid', 'Gid'].map((name) => {
    const ids = new RegExp(`^${name}:\\s+(\\d+)\\s+(\\d+)\\s+(\\d+)\\s`, 'm').exec(status)?.slice(1) ?? []
    return new Set(ids).size === 1 ? Number(ids[0]) : undefined
  })
  return uid === undefined || gid === undefined ? undefined : { uid, gid, startTicks }
}

/**
 * Parses /proc/[pid]/stat. The name stands in brackets and may itself hold brackets, spaces, newlines and
 * bytes that are no UTF-8; only the last closing bracket ends it.
 */
export function parseStat(text: Buffer): ProcessStat | undefined {
  const open = text.indexOf('(')
  const close = text.lastIndexOf(')')
  if (open < 0 || close < open) return undefined
  const fields = text
    .subarray(close + 2)
    .toString('latin1')
    .split(' ')
  const [state, parentPid, , , , , flags] = fields
  const startTicks = fields[19]
  if (parentPid === undefined || flags === undefined || startTicks === undefined) return undefined
  return {
    name: text.subarray(open + 1, close).toString(),
    parentPid: Number(parentPid),
    kernelThread: (Number(flags) & KERNEL_THREAD) !== 0,
    zombie: state === 'Z' || state === 'X',
    startTicks: Number(startTicks),
  }
}

/** Splits a command line at its NULs. A program that wrote its own title has none. */
export function splitCommandLine(bytes: Buffer): string[] {
  const text = bytes.toString()
  if (text === '') return []
  // A title padded with NULs, as sshd and PostgreSQL leave it, is one argument.
  const end = text.replace(/\0+$/, '')
  if (!end.includes('\0')) return end === '' ? [] : [end]
  return text.replace(/\0$/, '').split('\0')
}

/** The control group of /proc/[pid]/cgroup: the unified one, else systemd's, else the first that is not `/`. */
export function parseControlGroup(text: string): string {
  const groups = text
    .split('\n')
    .map((line) => /^(\d+):([^:]*):(.*)$/.exec(line))
    .filter((match) => match !== null && match[3] !== '/')
  const unified = groups.find((match) => match?.[1] === '0')
  const systemd = groups.find((match) => match?.[2] === 'name=systemd')
  return (unified ?? systemd ?? groups[0])?.[3] ?? ''
}

async function executablePath(directory: string): Promise<string> {
  try {
    const target = await readlink(`${directory}/exe`, { encoding: 'buffer' })
    // The kernel adds this when the file was replaced under the running program, as by an upgrade.
    return cutText(target.toString().replace(/ \(deleted\)$/, ''), 4_096)
  } catch {
    return ''
  }
}

async function bytesOf(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch {
    // ENOENT and ESRCH: it ended. EACCES: not for this user.
    return undefined
  }
}
