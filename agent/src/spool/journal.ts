import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { ignoringMissing, readIfThere, syncDirectory, unlessFull } from './durable-file.ts'
import { encodeRecord, type ScannedSegment, scanSegment } from './record.ts'

/** A segment this long is followed by a new one. */
const segmentBytes = 8 * 1024 * 1024
const epochDigits = 20
/** Epochs are so far apart at least, so that there is one for what takes a segment's place. */
const epochStep = 1_000n

/** A run of records with a numbering of its own: its epoch is its name, its n-th record has seq n. */
export interface Segment {
  epoch: bigint
  path: string
  /** Nothing is appended to it any more. */
  sealed: boolean
}

/**
 * Records that are kept on this machine until somebody else has them, in append-only segments.
 *
 * Any number of processes append at once, without a lock that one of them could die with: a record is one write to a
 * file opened for appending, and its number is its place. A segment is sealed by renaming it; an appender that finds
 * its segment renamed behind its back appends once more. Whoever reads must take a record twice for once.
 */
export class Journal {
  readonly directory: string

  /** Opens or makes it. Throws what the file system throws. */
  constructor(directory: string) {
    this.directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    if (!existsSync(this.path('last-epoch'))) unlessFull(() => this.#noteLastEpoch(0n))
  }

  /** Keeps records with one write and one fsync: they are on disk when this returns. Throws when the disk is full. */
  keep(contents: readonly Uint8Array[]): void {
    const records = Buffer.concat(contents.map(encodeRecord))
    while (!this.#appended(records)) {
      // Sealed meanwhile: whether the forwarder has seen the records cannot be known.
    }
  }

  /** Oldest first. */
  segments(): Segment[] {
    return readdirSync(this.directory)
      .flatMap((name) => {
        const match = /^(\d+)\.(log|sealed)$/.exec(name)
        if (match === null) return []
        return [{ epoch: BigInt(match[1]!), path: join(this.directory, name), sealed: match[2] === 'sealed' }]
      })
      .sort((a, b) => (a.epoch < b.epoch ? -1 : 1))
  }

  /** What is in a segment. Empty when it is gone, since another forwarder was through with it. */
  read({ path }: Segment): ScannedSegment {
    return scanSegment(readIfThere(path) ?? Buffer.alloc(0))
  }

  /** How many of a segment's records are settled. */
  acked({ epoch }: Segment): number {
    const text = readIfThere(this.path(`${epoch}.ack`))?.toString() ?? ''
    // Whatever a power cut has left of it.
    return /^\d+$/.test(text) ? Number(text) : 0
  }

  /**
   * Notes how far a segment is settled. Lost by a power cut, or on a full disk, it costs duplicates, which the server
   * counts once.
   */
  noteAcked({ epoch }: Segment, records: number): void {
    unlessFull(() => this.replaceFile(`${epoch}.ack`, String(records)))
  }

  /** Lets no more be appended to a segment, and gives it under its new name. */
  seal(segment: Segment): Segment {
    if (segment.sealed) return segment
    this.#noteLastEpoch(segment.epoch)
    const path = this.path(`${segment.epoch}.sealed`)
    ignoringMissing(() => renameSync(segment.path, path))
    return { ...segment, path, sealed: true }
  }

  /** Done with a sealed segment: it is removed, or set aside when there was damage in it and the disk has room. */
  discard(segment: Segment, damaged: boolean): void {
    ignoringMissing(() => {
      if (damaged && this.#hasRoom()) renameSync(segment.path, this.path(`${segment.epoch}.damaged`))
      else rmSync(segment.path)
    })
    rmSync(this.path(`${segment.epoch}.ack`), { force: true })
  }

  /**
   * Puts other records in the place of a sealed segment's, at once and under an epoch of their own, since a number
   * names one record for ever. False when that epoch is taken: by the next segment, or by another process that did
   * the same.
   */
  replace(segment: Segment, contents: readonly Uint8Array[]): boolean {
    const epoch = segment.epoch + 1n
    if (this.segments().some((other) => other.epoch === epoch)) return false
    const { damagedBytes, tornBytes } = this.read(segment)
    const fresh = this.path(`${epoch}.sealed.${process.pid}`)
    try {
      writeFileSync(fresh, Buffer.concat(contents.map(encodeRecord)), { mode: 0o600, flush: true })
      linkSync(fresh, this.path(`${epoch}.sealed`))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
      throw error
    } finally {
      rmSync(fresh, { force: true })
    }
    syncDirectory(this.directory)
    this.discard(segment, damagedBytes + tornBytes > 0)
    return true
  }

  /** Files of segments that were set aside for damage. */
  damaged(): string[] {
    return readdirSync(this.directory).filter((name) => name.endsWith('.damaged'))
  }

  /** How much is kept, in bytes. */
  get bytes(): number {
    return this.segments().reduce(
      (sum, { path }) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0),
      0,
    )
  }

  /** Adds a line to a file of the directory, on disk when it returns. */
  protected addLine(name: string, line: string): void {
    const fd = openSync(this.path(name), 'a+', 0o600)
    try {
      const last = Buffer.from('\n')
      readSync(fd, last, 0, 1, Math.max(0, fstatSync(fd).size - 1))
      // A full disk has torn the last one: this one is not joined to it.
      writeWhole(fd, `${last.toString() === '\n' ? '' : '\n'}${line}\n`)
    } finally {
      closeSync(fd)
    }
  }

  /** The lines of a file of the directory that are whole. */
  protected lines<Line>(name: string): Line[] {
    const lines = readIfThere(this.path(name))?.toString().split('\n') ?? []
    return lines.flatMap((line) => {
      try {
        return [JSON.parse(line) as Line]
      } catch {
        return []
      }
    })
  }

  protected replaceFile(name: string, contents: string | Buffer): void {
    const fresh = this.path(`${name}.${process.pid}`)
    writeFileSync(fresh, contents, { mode: 0o600, flush: true })
    renameSync(fresh, this.path(name))
  }

  /** No segment that is begun from now on has a lower epoch. */
  protected leastNextEpoch(): bigint {
    // Whatever a power cut has left of it.
    const noted = /^\d+/.exec(readIfThere(this.path('last-epoch'))?.toString() ?? '')
    const last = BigInt(noted?.[0] ?? 0)
    const newest = this.segments().at(-1)?.epoch ?? 0n
    return (newest > last ? newest : last) + epochStep
  }

  protected path(name: string): string {
    return join(this.directory, name)
  }

  /**
   * In the place that the file has on the disk: a disk that is full would else never be drained. As long at each time,
   * in one write.
   */
  #noteLastEpoch(epoch: bigint): void {
    const fd = openSync(this.path('last-epoch'), constants.O_RDWR | constants.O_CREAT, 0o600)
    try {
      writeSync(fd, String(epoch).padStart(epochDigits, '0'), 0)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  }

  /** For another segment. What a full disk has torn would else keep it full. */
  #hasRoom(): boolean {
    const { bavail, bsize } = statfsSync(this.directory)
    return bavail * bsize > segmentBytes
  }

  #appended(record: Buffer): boolean {
    const path = this.#current()
    let fd: number
    try {
      // Does not make it: that would be another segment of an epoch whose numbers are given.
      fd = openSync(path, constants.O_WRONLY | constants.O_APPEND)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
      throw new Error(`cannot append to ${path}: ${(error as Error).message}`, { cause: error })
    }
    try {
      writeWhole(fd, record)
      const now = statSync(path, { throwIfNoEntry: false })
      return now?.ino === fstatSync(fd).ino && now.size > 0
    } finally {
      closeSync(fd)
    }
  }

  /** The segment to append to. */
  #current(): string {
    const newest = this.segments().at(-1)
    if (newest !== undefined && !newest.sealed) {
      const size = statSync(newest.path, { throwIfNoEntry: false })?.size
      if (size !== undefined && size < segmentBytes) return newest.path
    }
    return this.#begin()
  }

  /** Begins a segment whose epoch is above all before it, wherever the clock stands. */
  #begin(): string {
    const least = this.leastNextEpoch()
    const now = BigInt(Date.now()) * 1000n
    // Of two that begin one in the same millisecond the slower would else make the faster's again, when that is sealed.
    const own = BigInt(Math.floor(Math.random() * Number(epochStep)))
    const path = this.path(`${(now > least ? now : least) + own}.log`)
    try {
      closeSync(openSync(path, 'ax', 0o600))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    syncDirectory(this.directory)
    return path
  }
}

/** With one write, so that nobody else's comes between, and on disk when it returns. */
function writeWhole(fd: number, contents: Buffer | string): void {
  const bytes = Buffer.from(contents)
  const written = writeSync(fd, bytes)
  if (written < bytes.length) throw new Error(`only ${written} of ${bytes.length} bytes fit on the disk`)
  fsyncSync(fd)
}
