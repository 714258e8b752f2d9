import { lstat, realpath } from 'node:fs/promises'
import { dirname } from 'node:path'

export type Found = { path: string } | { failed: string }

/**
 * The path without links, when neither the file nor a directory above it may be changed by others than root and the
 * user of this process: what it names can then not be exchanged after this look. Rejects when there is none.
 */
export async function trustedPath(path: string): Promise<Found> {
  const real = await realpath(path)
  for (let at = real, depth = 0; ; at = dirname(at), depth++) {
    const { mode, uid } = await lstat(at)
    // In a directory such as /tmp nobody exchanges what is another's.
    const sticky = depth > 0 && (mode & 0o1000) !== 0
    const ours = (uid === 0 || uid === process.getuid?.()) && ((mode & 0o022) === 0 || sticky)
    if (!ours) return { failed: `${at} may be changed by others than the user of the agent` }
    if (at === dirname(at)) return { path: real }
  }
}
