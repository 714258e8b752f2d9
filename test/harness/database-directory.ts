import { readFileSync, statfsSync } from 'node:fs'
import { chmod, mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'

/** What all databases of a run take at once is a third of it. */
const ROOM_BYTES = 3 * 2 ** 30

/**
 * A directory for all databases of a run: in memory where there is room. To clone a database makes 400 files, for which
 * ext4 passes over every inode that was freed in the last seconds: 400 ms of the kernel on a disk that tests have been
 * using, and 14 in memory. What a killed process wrote is as safe in either.
 */
export async function runDirectory(): Promise<string> {
  const directory = await mkdtemp(join(hasRoom('/dev/shm') ? '/dev/shm' : tmpdir(), 'holdfast-test-'))
  // PostgreSQL passes through it, and does not run as root.
  await chmod(directory, 0o711)
  return directory
}

/** A new directory for databases of a test's own, in that of the run: what is left in it goes with that. */
export async function databaseDirectory(): Promise<string> {
  return await mkdtemp(join(inject('runDirectory'), 'test-'))
}

/** Whether it is memory that has room, and programs may be run from it: PostgreSQL's are copied beside their data. */
function hasRoom(path: string): boolean {
  if (process.platform !== 'linux' || process.availableMemory() < ROOM_BYTES) return false
  try {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
    const mount = mounts.map((line) => line.split(' ')).findLast(([, at]) => at === path)
    const [, , type, options = ''] = mount ?? []
    const { bavail, bsize } = statfsSync(path)
    return type === 'tmpfs' && !options.split(',').includes('noexec') && bavail * bsize >= ROOM_BYTES
  } catch {
    return false
  }
}
