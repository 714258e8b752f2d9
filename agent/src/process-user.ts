import { lstat, readlink } from 'node:fs/promises'

/** Who a process runs as. */
export interface ProcessUser {
  uid: number
  /** What makes another process of this one run as that user; empty when it does already. */
  become: { uid: number; gid: number } | Record<string, never>
}

/**
 * The user of a process, if this process may run something as that user in the same files: undefined when it may not,
 * when the process sees other files (as in a container), and when it has ended.
 */
export async function processUser(pid: number): Promise<ProcessUser | undefined> {
  const ownUid = process.getuid?.()
  try {
    const [namespace, own] = await Promise.all([
      readlink(`/proc/${pid}/ns/mnt`),
      readlink('/proc/self/ns/mnt'),
    ])
    if (namespace !== own) return undefined
    const { uid, gid } = await lstat(`/proc/${pid}`)
    if (uid === ownUid) return { uid, become: {} }
    return ownUid === 0 ? { uid, become: { uid, gid } } : undefined
  } catch {
    return undefined
  }
}
