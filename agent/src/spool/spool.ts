import type { OutgoingEvent } from '@holdfast/sdk'
import { encodeEvent } from '@holdfast/sdk/spooled-event'
import { bindingOf, isAnothers } from '../machine-binding.ts'
import { localMachine, type MachineAlias } from '../machine-identity.ts'
import { unlessFull } from './durable-file.ts'
import { Journal, type Segment } from './journal.ts'
import { beginSource, rebindSource, spoolSources } from './spool-source.ts'

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
  /** Opens or makes it. Throws what the file system throws. */
  constructor(directory: string) {
    super(directory)
    this.bindTo(localMachine().aliases)
  }

  /** Who reports, for as long as this directory lives on one machine. */
  get source(): string {
    return spoolSources(this.directory)[0]!.name
  }

  /** Who reported what is in a segment. */
  sourceOf({ epoch }: Pick<Segment, 'epoch'>): string {
    return spoolSources(this.directory).find(({ firstEpoch }) => firstEpoch <= epoch)!.name
  }

  /**
   * Binds the source to what its machine is known by. When it was bound to another machine this is the copy of a disk:
   * what it holds stays under the source and the numbers of its origin, which may send the same, and a source begins
   * whose numbers nobody else gives.
   */
  bindTo(aliases: readonly MachineAlias[]): void {
    const now = bindingOf(aliases)
    const [newest] = spoolSources(this.directory)
    if (newest === undefined) {
      beginSource(this.directory, { generation: 1, firstEpoch: 0n, boundTo: now })
    } else if (isAnothers(newest.boundTo, now)) {
      for (const segment of this.segments()) this.seal(segment)
      const { generation } = newest
      beginSource(this.directory, {
        generation: generation + 1,
        firstEpoch: this.leastNextEpoch(),
        boundTo: now,
      })
    } else if (Object.keys(now).some((kind) => newest.boundTo[kind] === undefined)) {
      const boundTo = { ...newest.boundTo, ...now }
      unlessFull(() => rebindSource(this.directory, { ...newest, boundTo }))
    }
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

  /** Sets a refused event aside, with its reason. */
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
}
