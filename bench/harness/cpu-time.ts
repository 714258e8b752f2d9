import { readdirSync } from 'node:fs'
import { processStat } from './machine.ts'

/** The CPU time that a process and those that it started have used, in seconds: a PostgreSQL is many. Linux only. */
export function familyCpuSeconds(pid: number): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const { cpuSeconds, endedChildrenCpuSeconds } = processStat(pid)
  return pids.reduce((sum, child) => sum + childCpuSeconds(child, pid), cpuSeconds + endedChildrenCpuSeconds)
}

function childCpuSeconds(child: string, parent: number): number {
  try {
    const stat = processStat(child)
    return stat.parent === parent ? stat.cpuSeconds : 0
  } catch {
    // It has ended since.
    return 0
  }
}
