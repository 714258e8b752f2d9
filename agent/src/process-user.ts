import { readlink } from 'node:fs/promises'
import type { ObservedProcess } from './observed-process.ts'
import { readOwner } from './process-files.ts'

/** Who a process runs as. */
export interface ProcessUser {
  uid: number
  /** What makes another process of this one run as that user; empty when it does already. */
  become: { uid: number; gid: number } | Record<string, never>
}

/**
 * The user of a process, if this process may run something as that user in the same files: undefined when it may not,
 * when the process sees other files (as in a container), and when it has ended.
 *
 * Undefined as well when it is not what it was when it was observed. A process keeps its pid and its start while it
 * runs a setuid program, and else the rights of that would be those that its first executable is asked with.
 */
export async function processUser(one: ObservedProcess): Promise<ProcessUser | undefined> {
  const { pid, owner: seen, executablePath } = one
  const ownUid = process.getuid?.()
  try {
    const [namespace, own] = await Promise.all([
      readlink(`/proc/${pid}/ns/mnt`),
      readlink('/proc/self/ns/mnt'),
    ])
    if (namespace !== own) return undefined
    const now = await readOwner(pid)
    if (seen === undefined || now.owner === undefined || now.executablePath !== executablePath)
      return undefined
    const { uid, gid, startTicks } = now.owner
    if (uid !== seen.uid || gid !== seen.gid || startTicks !== seen.startTicks) return undefined
    if (uid === ownUid) return { uid, become: {} }
    return ownUid === 0 ? { uid, become: { uid, gid } } : undefined
  } catch {
    return undefined
  }
}
