import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/** In which /proc counts. */
const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** The CPU time that a process has used, in seconds, from /proc; Linux only. */
export function cpuSeconds(pid: number): number {
  const [utime, stime] = statOf(pid).slice(11, 13)
  return (Number(utime) + Number(stime)) / ticksPerSecond
}

/** The same of a process and those that it has started, ended ones included: a PostgreSQL is many. */
export function familyCpuSeconds(pid: number): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const children = pids.filter((child) => parentOf(Number(child)) === pid)
  const [cutime, cstime] = statOf(pid).slice(13, 15)
  const ended = (Number(cutime) + Number(cstime)) / ticksPerSecond
  return children.reduce((sum, child) => sum + cpuSeconds(Number(child)), cpuSeconds(pid) + ended)
}

function parentOf(pid: number): number | undefined {
  try {
    return Number(statOf(pid)[1])
  } catch {
    // It has ended since.
    return undefined
  }
}

/** The fields from the third on: the second is a name that may hold anything. */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}
