import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { MachineObservation } from '@holdfast/agent'

const program = join(import.meta.dirname, 'print-observation.ts')

/** The user and group `nobody`. */
export const nobody = { uid: 65_534, gid: 65_534 }

/** Whether this user may become nobody, and nobody may run what is in this checkout. */
export function canRunAsNobody(): boolean {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  const script = `require('node:fs').accessSync(${JSON.stringify(program)})`
  return spawnSync(process.execPath, ['-e', script], nobody).status === 0
}

/** Observes in a process of its own, as another user or without the tools of PATH. */
export async function observeElsewhere<T>(
  what: 'machine' | 'processes',
  options: { uid?: number; gid?: number; path?: string },
): Promise<T> {
  const { path, ...user } = options
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, program, what], {
    ...user,
    env: { ...process.env, ...(path !== undefined && { PATH: path }) },
    maxBuffer: 64 * 1024 * 1024,
  })
  return JSON.parse(stdout)
}

// Process ids of its own are what the agent knows a container by.
const container = ['--pid', '--fork', '--mount-proc']

/** Whether this user may make a namespace of process ids. */
export function canMakeContainer(): boolean {
  return process.platform === 'linux' && spawnSync('unshare', [...container, 'true']).status === 0
}

/** Observes the machine as from within a container. */
export async function observeInContainer(): Promise<MachineObservation> {
  const command = [process.execPath, ...process.execArgv, program, 'machine']
  const { stdout } = await promisify(execFile)('unshare', [...container, ...command])
  return JSON.parse(stdout)
}
