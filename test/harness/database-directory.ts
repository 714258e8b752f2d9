import { readFileSync, statfsSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const GIB = 2 ** 30
/** What all databases of a run take at once is a third of it. */
const ROOM_BYTES = 3 * GIB

/**
 * A new directory for databases: in memory where there is room. To clone a database makes 400 files, for which ext4
 * passes over every inode that was freed in the last seconds: 400 ms on a disk that tests have been using, 14 in memory.
 * What a killed process wrote is as safe in either.
 */
export async function databaseDirectory(): Promise<string> {
  return await mkdtemp(join(hasRoom('/dev/shm') ? '/dev/shm' : tmpdir(), 'holdfast-test-'))
}

/** Whether it is memory that has room, and programs may be run from it: PostgreSQL's are copied beside their data. */
function hasRoom(path: string): boolean {
  if (process.platform !== 'linux' || process.availableMemory() < ROOM_BYTES) return false
  try {
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
    const [, , type, options = ''] =
      mounts.map((line) => line.split(' ')).findLast(([, at]) => at === path) ?? []
    const { bavail, bsize } = statfsSync(path)
    return type === 'tmpfs' && !options.split(',').includes('noexec') && bavail * bsize >= ROOM_BYTES
  } catch {
    return false
  }
}
