import { readdir } from 'node:fs/promises'
import si from 'systeminformation'
import { kernelText } from './kernel-file.ts'
import { listeningPorts } from './listening-sockets.ts'
import type { ObservedProcess, ProcessObservation } from './observed-process.ts'
import { cutCommandArgs } from './observed-process.ts'
import type { ProcessClock } from './process-files.ts'
import { readProcess } from './process-files.ts'
import { hideSecrets } from './secret-arguments.ts'

/** The most processes of one observation. */
export const MAX_PROCESSES = 10_000

// An event may have 1 MiB; the rest is for the machine's reference and the framing.
const MAX_OBSERVATION_BYTES = 960 * 1_024
const READ_AT_ONCE = 32

/**
 * Lists the processes of this machine, kernel threads left out, with the ports that they listen on, by pid.
 *
 * `complete` is false when /proc hides other users' processes, when a listening socket may belong to a
 * process that this user may not look into, and when there was more than fits into one event (10,000
 * processes, 1 MiB). When the command lines alone are too long, they are cut shorter than 4 KiB first.
 */
export async function observeProcesses(): Promise<ProcessObservation> {
  if (process.platform !== 'linux') return otherProcesses()
  const clock = await readClock()
  const pids = (await readdir('/proc'))
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
  const processes: ObservedProcess[] = []
  for (let index = 0; index < pids.length; index += READ_AT_ONCE) {
    const some = pids.slice(index, index + READ_AT_ONCE)
    for (const one of await Promise.all(some.map((pid) => readProcess(pid, clock)))) {
      if (one !== undefined) processes.push(one)
    }
  }
  const ports = await listeningPorts(processes.map((one) => one.pid))
  for (const one of processes) one.listeningPorts = ports.byPid.get(one.pid) ?? []
  const listComplete = !(await hidesProcesses())
  return fitted({ processes, complete: ports.complete && listComplete, listComplete })
}

/** The observation, cut to what one event may hold. */
export function fitted(
  observation: ProcessObservation,
  maxBytes = MAX_OBSERVATION_BYTES,
): ProcessObservation {
  let { processes, complete, listComplete } = observation
  if (processes.length > MAX_PROCESSES) {
    processes = processes.slice(0, MAX_PROCESSES)
    complete = listComplete = false
  }
  for (const commandBytes of [1_024, 256, 64]) {
    if (sizeOf(processes) <= maxBytes) break
    processes = processes.map((one) => ({
      ...one,
      commandArgs: cutCommandArgs(one.commandArgs, commandBytes),
    }))
  }
  let size = sizeOf(processes)
  if (size > maxBytes) complete = listComplete = false
  while (size > maxBytes) {
    processes = processes.slice(0, Math.floor(processes.length * 0.9))
    size = sizeOf(processes)
  }
  return { processes, complete, listComplete }
}

/** Whether the mount options of /proc keep other users' processes from this one. */
export function hidesOthers(mountInfo: string): boolean {
  const proc = mountInfo.split('\n').find((line) => line.split(' ')[4] === '/proc')
  const hidepid = /\bhidepid=(\w+)/.exec(proc ?? '')?.[1]
  return hidepid !== undefined && hidepid !== '0' && hidepid !== 'off'
}

async function hidesProcesses(): Promise<boolean> {
  if (process.getuid?.() === 0) return false
  return hidesOthers((await kernelText('/proc/self/mountinfo')) ?? '')
}

// What the numbers and the framing of a process take at most in the encoded event.
const FIXED_BYTES = 80

function sizeOf(processes: readonly ObservedProcess[]): number {
  let bytes = 0
  for (const one of processes) {
    bytes += FIXED_BYTES + one.listeningPorts.length * 3
    for (const text of [one.executableName, one.executablePath, one.userName, one.controlGroup]) {
      bytes += Buffer.byteLength(text)
    }
    for (const arg of one.commandArgs) bytes += Buffer.byteLength(arg) + 3
  }
  return bytes
}

async function readClock(): Promise<ProcessClock> {
  const stat = (await kernelText('/proc/stat')) ?? ''
  const passwd = (await kernelText('/etc/passwd')) ?? ''
  const users = new Map<number, string>()
  for (const line of passwd.split('\n')) {
    const [name, , uid] = line.split(':')
    if (name !== undefined && uid !== undefined && !users.has(Number(uid))) users.set(Number(uid), name)
  }
  return { bootSeconds: Number(/^btime (\d+)/m.exec(stat)?.[1] ?? 0), users }
}

/** Elsewhere than on Linux: through `ps`, without ports, and therefore never complete. */
async function otherProcesses(): Promise<ProcessObservation> {
  const { list } = await si.processes()
  const processes = list.map((one): ObservedProcess => {
    const createdAt = new Date(one.started)
    return {
      pid: one.pid,
      parentPid: one.parentPid,
      executableName: one.name,
      executablePath: one.path,
      commandArgs: cutCommandArgs(
        hideSecrets([one.command, ...one.params.split(' ')].filter((part) => part !== '')),
      ),
      userName: one.user,
      createdAt: Number.isNaN(createdAt.getTime()) ? undefined : createdAt,
      listeningPorts: [],
      controlGroup: '',
      residentBytes: one.memRss * 1_024,
    }
  })
  return fitted({ processes, complete: false, listComplete: false })
}
