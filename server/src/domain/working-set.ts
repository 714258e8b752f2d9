import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import type { ProcessScan } from '../../../proto/gen/holdfast/v1/machine.ts'
import { type Instant, NEVER, timestampFromInstant } from './instant.ts'
import { KIND_NAMES, type KindName, type LedgerMessage, type ObservedKind } from './kind.ts'
import { LabelTimes } from './label-times.ts'
import type { LeaseRow } from './locks/lease.ts'
import { LockTable } from './locks/lock-table.ts'
import { MachineAliases } from './machine-aliases.ts'
import type { ChangeRecord, EventRecord, LedgerPosition, Row, SourceRow, TargetRow } from './rows.ts'
import { encodeWithin, stamp } from './stamp.ts'
import { UndoLog } from './undo-log.ts'

type Rows = { [K in KindName]: Map<string, Row<K>> }

/**
 * The state as the commands of one batch see it: what was loaded, with the changes of the commands before.
 * Collects what must be written. Holds no connection and reads no clock: `now` and `newUid` are given.
 */
export class WorkingSet {
  readonly now: Instant
  readonly nowTimestamp: Timestamp
  readonly epoch: bigint
  readonly newUid: () => string
  readonly rows = Object.fromEntries(KIND_NAMES.map((kind) => [kind, new Map()])) as unknown as Rows
  /** Every lock that is held or waits, and every hold that stands: not loaded, but kept by the writer. */
  readonly locks: LockTable
  /** Leases by id, as they were asked for. */
  readonly leases = new Map<string, LeaseRow>()
  /** Leases whose end this batch puts on record, by id. */
  readonly endedLeases = new Set<string>()
  readonly sources = new Map<string, SourceRow>()
  /** Identities of stored events that commands of this batch bring again, as `source\nid`. */
  readonly storedEvents = new Set<string>()
  readonly changes: ChangeRecord[] = []
  readonly dirty = new Set<Row<KindName>>()
  readonly observed = new Set<Row<ObservedKind>>()
  /** The targets of runs that are loaded or made, by run and machine. */
  readonly targets = new Map<string, TargetRow>()
  readonly changedTargets = new Set<string>()
  readonly scans = new Map<bigint, { observedAt: Instant; scan: ProcessScan }>()
  /** When the processes of machines were last seen, before this batch. */
  readonly scannedAt = new Map<bigint, Instant>()

  /** Where the ledger stood before this batch. */
  readonly from: LedgerPosition

  #head: bigint
  #nextId: bigint
  #ordinal = 0
  /** Whether `revoke` can take back the whole batch. */
  readonly #revocable: boolean
  /** Whether the current command has changed anything yet. */
  #open = false
  /** What takes back changes, in the order in which they were made: the current command's, or with `revocable` all. */
  readonly #undo = new UndoLog()
  readonly #events: EventRecord[] = []
  /** Which machine each alias is of, and what this batch tells of them. */
  readonly aliases = new MachineAliases(this.#undo)
  /** When labels of machines were told, and what this batch tells of them. */
  readonly labelTimes = new LabelTimes(this.#undo)

  constructor(
    position: LedgerPosition,
    now: Instant,
    newUid: () => string,
    { locks = new LockTable(), revocable = false }: { locks?: LockTable; revocable?: boolean } = {},
  ) {
    this.from = position
    this.#revocable = revocable
    this.locks = locks
    this.now = now
    this.nowTimestamp = timestampFromInstant(now)
    this.epoch = position.epoch
    this.#head = position.head
    this.#nextId = position.nextId
    this.newUid = newUid
  }

  /** The last revision, this batch's changes included. */
  get head(): bigint {
    return this.#head
  }

  /** What is to be stored: see `putEvent`. */
  get events(): readonly EventRecord[] {
    return this.#events
  }

  get nextId(): bigint {
    return this.#nextId
  }

  /** Whether nothing came of the batch that must be written. */
  get isUntouched(): boolean {
    const { events, dirty, observed, scans, aliases, labelTimes, endedLeases, changedTargets } = this
    if (events.length > 0) return false
    const sized = [dirty, observed, scans, aliases.told, labelTimes.told, endedLeases, changedTargets]
    if (sized.some(({ size }) => size > 0)) return false
    return [...this.sources.values()].every((source) => !source.isNew && source.touched.size === 0)
  }

  /** The revision that the next `put` makes or belongs to. */
  get putRevision(): bigint {
    return this.#open ? this.#head : this.#head + 1n
  }

  takeId(): bigint {
    return this.#nextId++
  }

  /** Adds a loaded row. */
  add<K extends KindName>(row: Row<K>): void {
    const rows = this.rows[row.kind] as Map<string, Row<K>>
    rows.set(row.resource.name, row)
    if (row.kind === 'machine') this.aliases.load(row as Row<'machine'>)
  }

  find<K extends KindName>(kind: K, name: string): Row<K> | undefined {
    const row = (this.rows[kind] as Map<string, Row<K>>).get(name)
    if (row !== undefined) return row
    if (kind === 'lock') return this.locks.lock(name) as Row<K> | undefined
    if (kind === 'hold') return this.locks.hold(name) as Row<K> | undefined
    return undefined
  }

  /** Adds an event that is to be stored. */
  putEvent(event: EventRecord): void {
    this.#events.push(event)
    this.#undo.push(() => this.#events.pop())
  }

  /** The source of this name; made if it is new. */
  source(name: string): SourceRow {
    let source = this.sources.get(name)
    if (source === undefined) {
      source = { id: this.takeId(), name, isNew: true, epochs: new Map(), touched: new Set() }
      this.sources.set(name, source)
    }
    return source
  }

  /**
   * Runs one command or event: all that it puts becomes one revision, or none if it puts nothing. When it
   * throws, nothing of it stays.
   */
  revise<T>(act: () => T): { value: T; revision: bigint | undefined } {
    this.#open = false
    this.#ordinal = 0
    if (!this.#revocable) this.#undo.clear()
    const from = this.#undo.length
    try {
      const value = act()
      return { value, revision: this.#open ? this.#head : undefined }
    } catch (error) {
      this.#undo.takeBack(from)
      this.changes.length -= this.#ordinal
      if (this.#open) this.#head -= 1n
      throw error
    }
  }

  /** Takes back what the whole batch did to the table of locks, which was made `revocable`. */
  revoke(): void {
    this.#undo.takeBack(0)
  }

  /**
   * Makes or changes a resource, within `revise`. The resource gets this revision, its etag and its times;
   * `observedAt` is when its source saw it, if this change comes of seeing it. Throws INVALID_REQUEST when the
   * resource would grow too large.
   */
  put<K extends KindName>(kind: K, resource: LedgerMessage[K], observedAt: Instant = NEVER): Row<K> {
    if (!this.#open) {
      this.#open = true
      this.#head += 1n
    }
    const found = this.find(kind, resource.name)
    const seenAt = found !== undefined && found.observedAt > observedAt ? found.observedAt : observedAt
    const stamped = stamp(kind, resource, { revision: this.#head, now: this.nowTimestamp, seenAt })
    const body = encodeWithin(kind, stamped)
    const before = found && { ...found }
    const row = found ?? this.#make(kind, stamped, body)
    this.#touch(row, before)
    row.resource = stamped
    row.revision = this.#head
    row.body = body
    row.observedAt = seenAt
    this.#record(row as unknown as Row<KindName>, before as Row<KindName> | undefined)
    if (isOfLocks(row)) this.locks.set(row)
    return row
  }

  /** Puts the end of a lease on record, within `revise`. */
  endLease(lease: LeaseRow): void {
    lease.alive = false
    this.endedLeases.add(lease.id)
    this.#undo.push(() => {
      lease.alive = true
      this.endedLeases.delete(lease.id)
    })
  }

  #make<K extends KindName>(kind: K, resource: LedgerMessage[K], body: Buffer): Row<K> {
    const revision = this.#head
    return { id: this.takeId(), kind, createRevision: revision, revision, resource, body, observedAt: NEVER }
  }

  /** Marks a row as changed, so that a refusal brings back what it was `before`; undefined for one that is made. */
  #touch<K extends KindName>(row: Row<K>, before: Row<K> | undefined): void {
    const rows = this.rows[row.kind] as Map<string, Row<K>>
    const { name } = row.resource
    // What ends leaves the table of locks, and is still to be found by the rest of the batch.
    const wasHere = rows.has(name)
    const changed = row as unknown as Row<KindName>
    const wasDirty = this.dirty.has(changed)
    if (!wasHere) rows.set(name, row)
    this.dirty.add(changed)
    this.#undo.push(() => {
      if (!wasDirty) this.dirty.delete(changed)
      if (!wasHere) rows.delete(name)
      Object.assign(row, before)
      if (isOfLocks(row)) this.locks.takeBack(row, before === undefined)
    })
  }

  /** One after-image a resource and revision: a second change within the revision takes the place of the first. */
  #record({ id, kind, body, resource }: Row<KindName>, before: Row<KindName> | undefined): void {
    if (before?.revision === this.#head) {
      // From the end: most often it was changed just before, and there may be 20,000 in a revision.
      this.changes.findLast(({ resourceId }) => resourceId === id)!.body = body
      return
    }
    this.changes.push({
      ...{ revision: this.#head, ordinal: this.#ordinal++, kind, name: resource.name },
      ...{ resourceId: id, body, before: before?.body, committedAt: this.now },
    })
  }

  /** Moves "last seen" without a revision. Never backwards. */
  observe(row: { [K in ObservedKind]: Row<K> }[ObservedKind], at: Instant): void {
    const before = row.observedAt
    if (at <= before) return
    row.observedAt = at
    this.observed.add(row as Row<ObservedKind>)
    this.#undo.push(() => {
      row.observedAt = before
    })
  }

  /** A target of a run that is loaded. */
  target(run: Row<'run'>, machine: string): TargetRow | undefined {
    return this.targets.get(`${run.id}\n${machine}`)
  }

  putTarget(target: TargetRow): void {
    const key = `${target.runId}\n${target.machine}`
    this.#undo.set(this.targets, key, target)
    if (this.changedTargets.has(key)) return
    this.changedTargets.add(key)
    this.#undo.push(() => this.changedTargets.delete(key))
  }

  /** When the processes of a machine were last seen. */
  lastScanAt({ id }: Row<'machine'>): Instant {
    const stored = this.scannedAt.get(id) ?? NEVER
    const put = this.scans.get(id)?.observedAt ?? NEVER
    return put > stored ? put : stored
  }

  /** Puts the last scan of a machine's processes, unless a later one is there. */
  putScan(machine: Row<'machine'>, observedAt: Instant, scan: ProcessScan): void {
    const held = this.scans.get(machine.id)
    if (held === undefined || held.observedAt <= observedAt) {
      this.#undo.set(this.scans, machine.id, { observedAt, scan })
    }
  }
}

const isOfLocks = (row: { kind: KindName }): row is Row<'lock'> | Row<'hold'> =>
  row.kind === 'lock' || row.kind === 'hold'
