import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
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

/**
 * Keeps a second server off a data directory. Survives kill -9: a lock whose process is gone does not count.
 *
 * Node has no `flock`, and one file cannot be taken over from a dead holder without a race. So each holder
 * makes the file of the next number, with O_EXCL, and the highest number is the lock. A number is never used
 * again: a released lock stays as a file that says so.
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
    await writeFile(this.#path, JSON.stringify({ ...this.#holder, released: true })).catch(() => {})
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

async function numbers(dataDir: string): Promise<number[]> {
  const names = await readdir(dataDir)
  return names.flatMap((name) => filePattern.exec(name)?.[1] ?? []).map(Number)
}

async function highestNumber(dataDir: string): Promise<number> {
  return Math.max(0, ...(await numbers(dataDir)))
}

async function clearBelow(dataDir: string, number: number): Promise<void> {
  const below = (await numbers(dataDir)).filter((candidate) => candidate < number)
  await Promise.all(below.map((candidate) => rm(pathOf(dataDir, candidate), { force: true })))
}

/** False when somebody else was first. */
async function create(path: string, holder: Holder): Promise<boolean> {
  try {
    await writeFile(path, JSON.stringify(holder), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

async function liveHolder(path: string): Promise<Holder | undefined> {
  const holder = await readHolder(path)
  if (holder === undefined || holder.released === true) return undefined
  if (holder.host === hostname()) return processStart(holder.pid) === holder.processStart ? holder : undefined
  const age = Date.now() - (await stat(path)).mtimeMs
  return age < foreignStaleMs ? holder : undefined
}

/** Undefined when the file is gone, or stays unreadable: its writer died while it wrote. */
async function readHolder(path: string): Promise<Holder | undefined> {
  for (let attempt = 0; attempt < 10; attempt++) {
    try {
      return JSON.parse(await readFile(path, 'utf8')) as Holder
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      if (!(error instanceof SyntaxError)) throw error
    }
    await delay(20)
  }
  return undefined
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
