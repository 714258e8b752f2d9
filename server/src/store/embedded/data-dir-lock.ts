import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { HoldfastError } from '../../domain/error.ts'
import { processStart } from './process-identity.ts'

/** What a lock file says of its holder. */
interface Holder {
  pid: number
  processStart: string
  host: string
  startedAt: string
  released?: boolean
}

/** A holder on another host, such as a container with the same volume, is judged by the age of its file. */
const touchEveryMs = 5_000
const foreignStaleMs = 20_000

const filePattern = /^holdfast-(\d+)\.lock$/
const partialPattern = /^holdfast-(\d+)\.lock\..*\.partial$/

/**
 * Keeps a second server off a data directory. Survives kill -9: a lock whose process is gone does not count.
 *
 * Node has no `flock`, and one file cannot be taken over from a dead holder without a race. So each holder
 * makes the file of the next number, unless there is one, and the highest number is the lock. A number is never used
 * again: a released lock stays as a file that says so. A file has its name only once it is written: whoever found one
 * empty, of a holder that was stopped for a moment as it wrote, would take it for that of a dead one.
 */
export class DataDirLock {
  readonly #path: string
  readonly #holder: Holder
  readonly #timer: NodeJS.Timeout

  private constructor(path: string, holder: Holder) {
    this.#path = path
    this.#holder = holder
    this.#timer = setInterval(() => {
      const now = new Date()
      utimes(path, now, now).catch(() => {})
    }, touchEveryMs)
    this.#timer.unref()
  }

  /** Throws STORE_UNAVAILABLE that names the holder when there is one. */
  static async acquire(dataDir: string): Promise<DataDirLock> {
    await makePrivate(dataDir)
    const holder: Holder = {
      pid: process.pid,
      processStart: processStart(process.pid) ?? '',
      host: hostname(),
      startedAt: new Date().toISOString(),
    }
    for (;;) {
      const highest = await highestNumber(dataDir)
      const current = highest === 0 ? undefined : await liveHolder(pathOf(dataDir, highest))
      if (current !== undefined) throw inUse(dataDir, current)
      const path = pathOf(dataDir, highest + 1)
      if (!(await create(path, holder))) continue
      // A holder further on may have cleared the numbers below it, this one among them, before it was made.
      if ((await highestNumber(dataDir)) !== highest + 1) {
        await rm(path, { force: true })
        continue
      }
      await clearBelow(dataDir, highest + 1)
      return new DataDirLock(path, holder)
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#timer)
    await writeBeside(this.#path, { ...this.#holder, released: true })
      .then((partial) => rename(partial, this.#path))
      .catch(() => {})
  }
}

/** The directory itself is for us alone; the ones above it are as the system makes them. */
async function makePrivate(directory: string): Promise<void> {
  await mkdir(dirname(directory), { recursive: true })
  await mkdir(directory, { recursive: true, mode: 0o700 })
}

function pathOf(dataDir: string, number: number): string {
  return join(dataDir, `holdfast-${number}.lock`)
}

async function highestNumber(dataDir: string): Promise<number> {
  const names = await readdir(dataDir)
  return Math.max(0, ...names.map((name) => Number(filePattern.exec(name)?.[1] ?? 0)))
}

/** Also what was never finished. */
async function clearBelow(dataDir: string, number: number): Promise<void> {
  const below = (await readdir(dataDir)).filter((name) => {
    const found = filePattern.exec(name) ?? partialPattern.exec(name)
    return found !== null && Number(found[1]) < number
  })
  await Promise.all(below.map((name) => rm(join(dataDir, name), { force: true })))
}

/** False when somebody else was first. */
async function create(path: string, holder: Holder): Promise<boolean> {
  const partial = await writeBeside(path, holder)
  try {
    await link(partial, path)
    // For those on another host, who judge by it: it was written when nobody saw it yet, which may be long ago.
    const now = new Date()
    await utimes(path, now, now)
    return true
  } catch (error) {
    // The latter when who was first has cleared it.
    const { code, message } = error as NodeJS.ErrnoException
    if (['EEXIST', 'ENOENT'].includes(code!)) return false
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code!)) throw error
    throw new HoldfastError(
      'STORE_UNAVAILABLE',
      `the data directory ${dirname(path)} cannot be locked, which takes hard links (${message}); set HOLDFAST_DATA_DIR to a directory on a local file system`,
    )
  } finally {
    await rm(partial, { force: true })
  }
}

/** Writes what a lock file is to hold to a file of its own, which then takes its name: a part of it is never read. */
async function writeBeside(path: string, holder: Holder): Promise<string> {
  const partial = `${path}.${randomUUID()}.partial`
  await writeFile(partial, JSON.stringify(holder), { flag: 'wx', mode: 0o600 })
  return partial
}

async function liveHolder(path: string): Promise<Holder | undefined> {
  const holder = await readHolder(path)
  if (holder === undefined || holder.released === true) return undefined
  if (holder.host === hostname()) return processStart(holder.pid) === holder.processStart ? holder : undefined
  const age = Date.now() - (await stat(path)).mtimeMs
  return age < foreignStaleMs ? holder : undefined
}

/** Undefined when the file is gone, or is no whole one: the machine lost its power before it was on the disk. */
async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder
  } catch (error) {
    if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function inUse(dataDir: string, holder: Holder): HoldfastError {
  const where = holder.host === hostname() ? '' : ` on ${holder.host}`
  return new HoldfastError(
    'STORE_UNAVAILABLE',
    `the data directory ${dataDir} is in use by the Holdfast server with pid ${holder.pid}${where}, running since ` +
      `${holder.startedAt}; stop that one, or set HOLDFAST_DATA_DIR to another directory`,
    { metadata: { dataDir, pid: String(holder.pid), host: holder.host, startedAt: holder.startedAt } },
  )
}
