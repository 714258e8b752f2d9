import { randomUUID } from 'node:crypto'
import { linkSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { OutgoingEvent } from '@holdfast/sdk'
import { encodeEvent } from '@holdfast/sdk/spooled-event'
import { readIfThere, syncDirectory } from './durable-file.ts'
import { Journal } from './journal.ts'

/** An event that the server will never take, and why. */
export interface RefusedRecord {
  id: string
  epoch: string
  reason: string
  message: string
  /** Its bytes in base64, for whoever wants to mend it. */
  event: string
}

/** What went when the spool was over its limits. */
export interface DroppedRecord {
  /** RFC 3339. */
  time: string
  heartbeats: number
  supersededFacts: number
}

/** Reports that are kept on this machine until the server has them; an event that is read twice counts once there. */
export class Spool extends Journal {
  /** Who reports, for as long as this directory lives. */
  readonly source: string

  /** Opens or makes it. Throws what the file system throws. */
  constructor(directory: string) {
    super(directory)
    this.source = this.#readSource() ?? this.#makeSource()
  }

  /** Keeps an event: it is on disk when this returns. Gives its id. Throws when the disk does not take it. */
  append(outgoing: OutgoingEvent): string {
    return this.appendAll([outgoing])[0]!
  }

  /** Keeps events that belong together with one write and one fsync; a few megabytes at most. */
  appendAll(outgoing: readonly OutgoingEvent[]): string[] {
    const encoded = outgoing.map(encodeEvent)
    this.keep(encoded.map(({ bytes }) => bytes))
    return encoded.map(({ id }) => id)
  }

  /** Puts a refused event aside with its reason. */
  setAside(refused: RefusedRecord): void {
    this.addLine('refused.ndjson', JSON.stringify(refused))
  }

  refused(): RefusedRecord[] {
    return this.lines('refused.ndjson')
  }

  /** Takes down what was dropped. */
  noteDropped(dropped: DroppedRecord): void {
    this.addLine('dropped.ndjson', JSON.stringify(dropped))
  }

  dropped(): DroppedRecord[] {
    return this.lines('dropped.ndjson')
  }

  #readSource(): string | undefined {
    return readIfThere(this.path('source'))?.toString().trim() || undefined
  }

  /** Of several processes that make it at once, one wins. */
  #makeSource(): string {
    const host =
      hostname()
        .replace(/[^\x21-\x7e]/g, '-')
        .slice(0, 128) || 'localhost'
    const mine = this.path(`source.${process.pid}`)
    writeFileSync(mine, `spool/${host}/${randomUUID().slice(0, 8)}\n`, { flush: true, mode: 0o600 })
    try {
      linkSync(mine, this.path('source'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(mine, { force: true })
    }
    syncDirectory(this.directory)
    return this.#readSource()!
  }
}
