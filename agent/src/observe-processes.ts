import { readdir } from 'node:fs/promises'
import si from 'systeminformation'
import { fitted } from './fitted-observation.ts'
import { kernelText } from './kernel-file.ts'
import { listeningPorts } from './listening-sockets.ts'
import {
  cutCommandArgs,
  type ObservedProcess,
  type ProcessObservation,
  type Unseen,
} from './observed-process.ts'
import type { ProcessClock } from './process-files.ts'
import { readProcess } from './process-files.ts'
import { hideSecrets } from './secret-arguments.ts'

const READ_AT_ONCE = 32

/**
 * Lists the processes of this machine, kernel threads left out, with the ports that they listen on, by pid.
 *
 * Unseen is what /proc hides of other users, which of them has a port that this user cannot place, and what is more
 * than fits into one event: see `fitted`.
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
  const unseen: Unseen[] = []
  if (await hidesProcesses()) unseen.push({ what: 'processes' })
  if (ports.unclaimed.length > 0) unseen.push({ what: 'port-owners', ports: ports.unclaimed })
  return fitted({ processes, unseen })
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
  return fitted({ processes, unseen: [{ what: 'ports' }] })
}
