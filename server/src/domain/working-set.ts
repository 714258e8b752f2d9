import type { Timestamp } from '../../../proto/gen/google/protobuf/timestamp.ts'
import type { Alias, Facet, Machine, ProcessScan } from '../../../proto/gen/holdfast/v1/machine.ts'
import type { Condition, Instance, Service } from '../../../proto/gen/holdfast/v1/service.ts'
import { aliasKey, isStrong } from './alias.ts'
import type { Instant } from './instant.ts'
import { timestampFromInstant } from './instant.ts'
import { encodeBody, type KindMessage, type KindName } from './kind.ts'
import type { Sequence } from './sequence.ts'

/** A resource's current row: what is loaded, and what becomes of it in this batch. */
export interface Row<K extends KindName> {
  id: bigint
  kind: K
  createRevision: bigint
  /** The revision of the last change; 0 for a row that this batch made. */
  revision: bigint
  resource: KindMessage[K]
  body: Buffer
  /** Last seen. Moves forward only, and without a revision. */
  observedAt: Instant
  /** Made by this batch. */
  isNew: boolean
}

/** An after-image: one resource at one revision. */
export interface ChangeRecord {
  revision: bigint
  ordinal: number
  kind: KindName
  resourceId: bigint
  body: Buffer
  /** The resource before this revision; undefined for a new one. */
  before: Buffer | undefined
}

/** An event to be stored. */
export interface EventRecord {
  occurredAt: Instant
  sourceId: bigint
  id: string
  epoch: number
  seq: number
  type: number
  effect: number
  machineId: bigint | null
  serviceId: bigint | null
  environment: string | null
  principal: string
  revision: bigint | null
  body: Uint8Array
  /** The machines of an event about several. */
  targets: bigint[]
}

export interface SourceRow {
  id: bigint
  name: string
  isNew: boolean
  epochs: Map<number, Sequence>
  /** Epochs whose sequence changed. */
  touched: Set<number>
}

/** The `observedAt` of what was never seen, only spoken of. Stored as 1970-01-01. */
export const NEVER = 0n as Instant

type Rows = { [K in KindName]: Map<string, Row<K>> }

/** Where the ledger stands when a batch begins, under its lock. */
export interface LedgerPosition {
  epoch: bigint
  head: bigint
  nextId: bigint
}

/**
 * The state as the commands of one batch see it: what was loaded, with the changes of the commands before.
 * Collects what must be written. Holds no connection and reads no clock: `now` and `newUid` are given.
 */
export class WorkingSet {
  readonly now: Instant
  readonly nowTimestamp: Timestamp
  readonly epoch: bigint
  readonly newUid: () => string
  readonly rows: Rows = {
    machine: new Map(),
    facet: new Map(),
    service: new Map(),
    instance: new Map(),
    condition: new Map(),
  }
  readonly sources = new Map<string, SourceRow>()
  /** Identities of stored events that commands of this batch bring again, as `source\nid`. */
  readonly storedEvents = new Set<string>()
  readonly changes: ChangeRecord[] = []
  readonly events: EventRecord[] = []
  readonly dirty = new Set<Row<KindName>>()
  readonly observed = new Set<Row<'machine' | 'facet' | 'instance'>>()
  readonly scans = new Map<bigint, { observedAt: Instant; scan: ProcessScan }>()
  /** What became of an alias of a machine, by `aliasKey` and machine; the last word counts. */
  readonly aliases = new Map<string, { alias: Alias; machineId: bigint; gone: boolean }>()

  #head: bigint
  #nextId: bigint
  #ordinal = 0
  /** Whether the current command has changed anything yet. */
  #open = false
  readonly #machineByAlias = new Map<string, string>()

  constructor(position: LedgerPosition, now: Instant, newUid: () => string) {
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

  get nextId(): bigint {
    return this.#nextId
  }

  takeId(): bigint {
    return this.#nextId++
  }

  /** Adds a loaded row. */
  add<K extends KindName>(row: Row<K>): void {
    const rows = this.rows[row.kind] as Map<string, Row<K>>
    rows.set(row.resource.name, row)
    if (row.kind === 'machine') {
      for (const alias of (row.resource as Machine).aliases) {
        if (isStrong(alias)) this.#machineByAlias.set(aliasKey(alias), row.resource.name)
      }
    }
  }

  find<K extends KindName>(kind: K, name: string): Row<K> | undefined {
    return (this.rows[kind] as Map<string, Row<K>>).get(name)
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

  /** The machine that is known by a strong alias. */
  machineByAlias(alias: Alias): Row<'machine'> | undefined {
    const name = this.#machineByAlias.get(aliasKey(alias))
    return name === undefined ? undefined : this.rows.machine.get(name)
  }

  claimAlias(row: Row<'machine'>, alias: Alias): void {
    if (isStrong(alias)) this.#machineByAlias.set(aliasKey(alias), row.resource.name)
    this.aliases.set(`${aliasKey(alias)}\n${row.id}`, { alias, machineId: row.id, gone: false })
  }

  /** Takes a weak alias off a machine. */
  dropAlias(row: Row<'machine'>, alias: Alias): void {
    this.aliases.set(`${aliasKey(alias)}\n${row.id}`, { alias, machineId: row.id, gone: true })
  }

  /** Runs one command or event: all that it puts becomes one revision, or none if it puts nothing. */
  revise<T>(act: () => T): { value: T; revision: bigint | undefined } {
    this.#open = false
    this.#ordinal = 0
    const value = act()
    return { value, revision: this.#open ? this.#head : undefined }
  }

  /**
   * Makes or changes a resource, within `revise`. The resource gets this revision, its etag and its times;
   * `observedAt` is when its source saw it, if this change comes of seeing it.
   */
  put<K extends KindName>(kind: K, resource: KindMessage[K], observedAt: Instant = NEVER): Row<K> {
    if (!this.#open) {
      this.#open = true
      this.#head += 1n
    }
    let row = this.find(kind, resource.name)
    const seenAt = row !== undefined && row.observedAt > observedAt ? row.observedAt : observedAt
    const stamped = stamp(kind, resource, { revision: this.#head, now: this.nowTimestamp, seenAt })
    const body = encodeBody(kind, stamped)
    const before = row?.body
    if (row === undefined) {
      row = {
        id: this.takeId(),
        kind,
        createRevision: this.#head,
        revision: this.#head,
        resource: stamped,
        body,
        observedAt: seenAt,
        isNew: true,
      }
      this.add(row)
    } else {
      row.resource = stamped
      row.revision = this.#head
      row.body = body
      row.observedAt = seenAt
    }
    this.dirty.add(row as unknown as Row<KindName>)
    this.#record(row as unknown as Row<KindName>, before)
    return row
  }

  /** One after-image a resource and revision: a second change within the revision takes the place of the first. */
  #record({ id, kind, body }: Row<KindName>, before: Buffer | undefined): void {
    for (let i = this.changes.length - this.#ordinal; i < this.changes.length; i++) {
      const change = this.changes[i]!
      if (change.resourceId === id) {
        change.body = body
        return
      }
    }
    this.changes.push({ revision: this.#head, ordinal: this.#ordinal++, kind, resourceId: id, body, before })
  }

  /** Moves "last seen" without a revision. Never backwards. */
  observe(row: Row<'machine'> | Row<'facet'> | Row<'instance'>, at: Instant): void {
    if (at <= row.observedAt) return
    row.observedAt = at
    this.observed.add(row as Row<'machine' | 'facet' | 'instance'>)
  }
}

function stamp<K extends KindName>(
  kind: K,
  resource: KindMessage[K],
  { revision, now, seenAt }: { revision: bigint; now: Timestamp; seenAt: Instant },
): KindMessage[K] {
  const observedTime = seenAt === NEVER ? undefined : timestampFromInstant(seenAt)
  if (kind === 'facet') {
    const facet = resource as Facet
    return { ...facet, changeRevision: revision, changeTime: now, observedTime } as KindMessage[K]
  }
  const base = resource as Machine | Service | Instance | Condition
  return {
    ...base,
    revision,
    etag: revision.toString(36),
    createTime: base.createTime ?? now,
    updateTime: now,
    ...(kind === 'machine' || kind === 'instance' ? { observedTime } : {}),
  } as KindMessage[K]
}
