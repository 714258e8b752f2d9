import { execFileSync } from 'node:child_process'
import { readFileSync, statfsSync } from 'node:fs'
import { cpus, platform, release, tmpdir, totalmem } from 'node:os'

/** The machine in one line, for the reader who compares figures. Names nobody's host. */
export function describeMachine(): string {
  const cores = cpus()
  const gib = Math.round(totalmem() / 2 ** 30)
  const system = `${platform()} ${release().split('-')[0]}`
  return `${cores.length} × ${cores[0]?.model.trim() || 'unknown CPU'}, ${gib} GiB, ${fileSystem()}, ${system}, Node ${process.versions.node}`
}

/** The commit that is measured, with `+` when the checkout differs from it. */
export function describeCommit(): string {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  try {
    const dirty = git('status', '--porcelain', '--untracked-files=no').trim() === '' ? '' : '+'
    return git('rev-parse', '--short', 'HEAD').trim() + dirty
  } catch {
    return 'no git checkout'
  }
}

function fileSystem(): string {
  const names: Record<number, string> = {
    61267: 'ext4',
    1481003842: 'xfs',
    2435016766: 'btrfs',
    16914836: 'tmpfs',
    2035054128: 'overlayfs',
  }
  return names[statfsSync(tmpdir()).type] ?? 'unknown file system'
}

/** Resident memory of a process in bytes, from /proc; Linux only. */
export function residentBytes(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? Number.NaN) * 1024
}

/** How many files this process may have open, from /proc; Linux only. */
export function openFilesLimit(): number {
  return Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? Number.NaN)
}

/** What the kernel says of a process; its children are apart, and in it once they have ended. Throws when it is gone. */
export function processStat(pid: number | string): {
  command: string
  parent: number
  cpuSeconds: number
  endedChildrenCpuSeconds: number
} {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const command = text.slice(text.indexOf('(') + 1, text.lastIndexOf(')'))
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  // A tick is a hundredth of a second on every Linux that Node runs on.
  const seconds = (at: number) => (Number(fields[at]) + Number(fields[at + 1])) / 100
  return {
    command,
    parent: Number(fields[1]),
    cpuSeconds: seconds(11),
    endedChildrenCpuSeconds: seconds(13),
  }
}
