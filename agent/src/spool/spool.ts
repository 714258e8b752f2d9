import { randomUUID } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { OutgoingEvent } from '@holdfast/sdk'
import { encodeEvent } from '@holdfast/sdk/spooled-event'
import { encodeRecord, type ScannedSegment, scanSegment } from './record.ts'

/** A segment this long is followed by a new one. */
const segmentBytes = 8 * 1024 * 1024

/** A run of records with a numbering of its own: its epoch is its name, its n-th event has seq n. */
export interface Segment {
  epoch: bigint
  path: string
  /** Nothing is appended to it any more. */
  sealed: boolean
}

/** An event that the server will never take, and why. */
export interface RefusedRecord {
  id: string
  epoch: string
  reason: string
  message: string
  /** Its bytes in base64, for whoever wants to mend it. */
  event: string
}

/**
 * Reports that are kept on this machine until the server has them, in append-only segments.
 *
 * Any number of processes append at once, without a lock that one of them could die with: a record is one write to a
 * file opened for appending, and its number is its place. A segment is sealed by renaming it; an appender that finds
 * its segment renamed behind its back appends once more under the same event id, and the server counts it once.
 */
export class Spool {
  readonly directory: string
  /** Who reports, for as long as this directory lives. */
  readonly source: string

  /** Opens or makes it. Throws what the file system throws. */
  constructor(directory: string) {
    this.directory = directory
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    this.source = this.#readSource() ?? this.#makeSource()
  }

  /** Keeps an event: it is on disk when this returns. Gives its id. Throws when the disk does not take it. */
  append(outgoing: OutgoingEvent): string {
    return this.appendAll([outgoing])[0]!
  }

  /** Keeps events that belong together with one write and one fsync; a few megabytes at most. */
  appendAll(outgoing: readonly OutgoingEvent[]): string[] {
    const encoded = outgoing.map(encodeEvent)
    const records = Buffer.concat(encoded.map(({ bytes }) => encodeRecord(bytes)))
    while (!this.#appended(records)) {
      // Sealed meanwhile: whether the forwarder has seen the records cannot be known.
    }
    return encoded.map(({ id }) => id)
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

  /** How many of a segment's events are settled. */
  acked({ epoch }: Segment): number {
    return Number(readIfThere(this.#path(`${epoch}.ack`))?.toString() ?? 0)
  }

  /** Notes how far a segment is settled. Lost by a power cut, it costs duplicates, which the server counts once. */
  noteAcked({ epoch }: Segment, events: number): void {
    this.#replace(`${epoch}.ack`, String(events))
  }

  /** Lets no more be appended to a segment, and gives it under its new name. */
  seal(segment: Segment): Segment {
    if (segment.sealed) return segment
    this.#replace('last-epoch', String(segment.epoch))
    const path = this.#path(`${segment.epoch}.sealed`)
    ignoringMissing(() => renameSync(segment.path, path))
    return { ...segment, path, sealed: true }
  }

  /** Done with a sealed segment: it is removed, or set aside when there was damage in it. */
  discard(segment: Segment, damaged: boolean): void {
    ignoringMissing(() => {
      if (damaged) renameSync(segment.path, this.#path(`${segment.epoch}.damaged`))
      else rmSync(segment.path)
    })
    rmSync(this.#path(`${segment.epoch}.ack`), { force: true })
  }

  /** Puts a refused event aside with its reason. */
  setAside(refused: RefusedRecord): void {
    const fd = openSync(this.#path('refused.ndjson'), 'a', 0o600)
    try {
      writeSync(fd, `${JSON.stringify(refused)}\n`)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  }

  refused(): RefusedRecord[] {
    const lines = readIfThere(this.#path('refused.ndjson'))?.toString().split('\n') ?? []
    return lines.filter((line) => line.endsWith('}')).map((line) => JSON.parse(line) as RefusedRecord)
  }

  /** Files of segments that were set aside for damage. */
  damaged(): string[] {
    return readdirSync(this.directory).filter((name) => name.endsWith('.damaged'))
  }

  #appended(record: Buffer): boolean {
    const path = this.#current()
    let fd: number
    try {
      fd = openSync(path, 'a', 0o600)
    } catch (error) {
      throw new Error(`cannot append to ${path}: ${(error as Error).message}`, { cause: error })
    }
    try {
      const written = writeSync(fd, record)
      if (written < record.length)
        throw new Error(`only ${written} of ${record.length} bytes fit on the disk`)
      fsyncSync(fd)
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
    return this.#begin(newest?.epoch ?? 0n)
  }

  /** Begins a segment whose epoch is above all before it, wherever the clock stands. */
  #begin(newest: bigint): string {
    const last = BigInt(readIfThere(this.#path('last-epoch'))?.toString() ?? 0)
    const above = (newest > last ? newest : last) + 1n
    const now = BigInt(Date.now()) * 1000n
    const path = this.#path(`${now > above ? now : above}.log`)
    try {
      closeSync(openSync(path, 'ax', 0o600))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    syncDirectory(this.directory)
    return path
  }

  #readSource(): string | undefined {
    return readIfThere(this.#path('source'))?.toString().trim() || undefined
  }

  /** Of several processes that make it at once, one wins. */
  #makeSource(): string {
    const host =
      hostname()
        .replace(/[^\x21-\x7e]/g, '-')
        .slice(0, 128) || 'localhost'
    const mine = this.#path(`source.${process.pid}`)
    writeFileSync(mine, `spool/${host}/${randomUUID().slice(0, 8)}\n`, { flush: true, mode: 0o600 })
    try {
      linkSync(mine, this.#path('source'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(mine, { force: true })
    }
    syncDirectory(this.directory)
    return this.#readSource()!
  }

  #replace(name: string, text: string): void {
    const fresh = this.#path(`${name}.${process.pid}`)
    writeFileSync(fresh, text, { mode: 0o600, flush: true })
    renameSync(fresh, this.#path(name))
  }

  #path(name: string): string {
    return join(this.directory, name)
  }
}

function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function ignoringMissing(work: () => void): void {
  try {
    work()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
