import type { Alias, ProcessScan } from '../../proto/gen/holdfast/v1/machine.ts'
import { aliasKey } from '../../server/src/domain/alias.ts'
import type { Command } from '../../server/src/domain/command.ts'
import { HoldfastError } from '../../server/src/domain/error.ts'
import type { Instant } from '../../server/src/domain/instant.ts'
import { decodeBody, decodeRow, type KindMessage, type KindName } from '../../server/src/domain/kind.ts'
import type { ToldLabel } from '../../server/src/domain/label-times.ts'
import { LoadKeys } from '../../server/src/domain/load-keys.ts'
import type { LeaseRow } from '../../server/src/domain/locks/lease.ts'
import { LockTable } from '../../server/src/domain/locks/lock-table.ts'
import { facetName } from '../../server/src/domain/resource-name.ts'
import type { ChangeRecord, EventRecord, Row, SourceRow } from '../../server/src/domain/rows.ts'
import { WorkingSet } from '../../server/src/domain/working-set.ts'
import { formatGaps, parseGaps } from '../../server/src/store/load-batch.ts'

type StoredRow = Omit<Row<KindName>, 'resource' | 'kind'> & { kind: KindName; name: string }

/** The time at which a new MemoryLedger stands: 2026-11-22T12:00:00Z. */
export const NOON = 1_795_348_800_000_000n as Instant

/** `seconds` after NOON. */
export const noon = (seconds: number): Instant => (NOON + BigInt(Math.round(seconds * 1e6))) as Instant

/**
 * A ledger whose tables are maps: each `run` is one batch, which sees the rows that its commands asked for and
 * no others, as with a WriterSession. Fails where the database would: a row made under a name that there is,
 * an event stored twice.
 */
export class MemoryLedger {
  now: Instant = noon(3600)
  head = 0n
  epoch = 1n
  readonly locks = new LockTable()
  /** Leases, by id. */
  readonly leases = new Map<string, LeaseRow>()
  readonly events: EventRecord[] = []
  readonly changes: ChangeRecord[] = []
  /** The last scan of each machine's processes, by the machine's name. */
  readonly scans = new Map<string, { observedAt: Instant; scan: ProcessScan }>()
  /** When labels of machines were told, by the machine's id and the key. */
  readonly labels = new Map<string, ToldLabel>()
  readonly aliases = new Map<string, { alias: Alias; machineId: bigint }>()
  readonly #rows = new Map<string, StoredRow>()
  readonly #sources = new Map<string, SourceRow>()
  readonly #newUid: () => string
  #nextId = 1n

  constructor() {
    let uids = 0
    this.#newUid = () => `00000000-0000-4000-8000-${String(++uids).padStart(12, '0')}`
  }

  /** Runs commands as one batch. Gives each one's result, or the HoldfastError that refused it. */
  run<Result>(...commands: Command<Result>[]): (Result | HoldfastError)[] {
    const state = this.#begin(commands)
    const results = decide(commands, state)
    this.#save(state)
    return results
  }

  /** Decides commands as one batch, and takes all of it back. */
  rehearse<Result>(...commands: Command<Result>[]): (Result | HoldfastError)[] {
    const state = this.#begin(commands)
    const results = decide(commands, state)
    state.revoke()
    return results
  }

  #begin(commands: readonly Command<unknown>[]): WorkingSet {
    const keys = new LoadKeys()
    for (const command of commands) command.collect(keys)
    const position = { epoch: this.epoch, head: this.head, nextId: this.#nextId }
    const state = new WorkingSet(position, this.now, this.#newUid, { locks: this.locks, revocable: true })
    keys.withLocks(state)
    this.#load(state, keys)
    this.#load(state, keys.afterMachines([...state.rows.machine.values()].map((row) => row.resource)))
    return state
  }

  /** Runs one command alone; throws what refused it. */
  do<Result>(command: Command<Result>): Result {
    const [result] = this.run(command)
    if (result instanceof HoldfastError) throw result
    return result as Result
  }

  /** A resource as it stands, with the `observed_time` that its row has. */
  find<K extends KindName>(kind: K, name: string): KindMessage[K] | undefined {
    const stored = this.#rows.get(name)
    return stored?.kind === kind ? decodeBody(kind, stored.body) : undefined
  }

  /** As `find`; fails when there is none. */
  get<K extends KindName>(kind: K, name: string): KindMessage[K] {
    const found = this.find(kind, name)
    if (found === undefined) throw new Error(`there is no ${name}, only ${[...this.#rows.keys()].join(', ')}`)
    return found
  }

  /** The resources of a kind, by name. */
  all<K extends KindName>(kind: K): KindMessage[K][] {
    return [...this.#rows.values()]
      .filter((row) => row.kind === kind)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((row) => decodeBody(kind, row.body))
  }

  /** When a resource was last seen. */
  observedAt(name: string): Instant {
    return this.#rows.get(name)!.observedAt
  }

  /** The gaps of a numbering. */
  gaps(source: string, epoch: number): [number, number][] {
    return this.#sources.get(source)!.epochs.get(epoch)!.gaps
  }

  #load(state: WorkingSet, keys: LoadKeys): void {
    for (const name of [...keys.names.values()].flatMap((names) => [...names]))
      this.#loadRow(state, this.#rows.get(name))
    if (keys.rules) for (const { name } of this.all('rule')) this.#loadRow(state, this.#rows.get(name))
    // Of the machines that are scanned the database gives the findings and what belongs to them; here, of all.
    if (keys.scanned.length > 0) {
      for (const [name, { observedAt }] of this.scans)
        state.scannedAt.set(this.#rows.get(name)!.id, observedAt)
      const findings = this.all('finding')
      for (const finding of findings) {
        const instance = `instances/${finding.name.slice('findings/'.length)}`
        for (const name of [finding.name, instance, `services/${finding.service}`]) {
          this.#loadRow(state, this.#rows.get(name))
        }
      }
    }
    if (keys.labelled.length > 0) for (const told of this.labels.values()) state.labelTimes.load(told)
    for (const id of [...keys.leases, ...keys.endingLeases]) {
      const lease = this.leases.get(id)
      if (lease !== undefined) state.leases.set(id, { ...lease })
    }
    for (const alias of keys.aliases.values()) {
      for (const { alias: known, machineId } of this.aliases.values()) {
        if (aliasKey(known) !== aliasKey(alias)) continue
        this.#loadRow(
          state,
          [...this.#rows.values()].find(({ id }) => id === machineId),
        )
      }
    }
    for (const { source, epoch } of keys.sources.values()) {
      const stored = this.#sources.get(source)
      if (stored === undefined) continue
      let loaded = state.sources.get(source)
      if (loaded === undefined) {
        loaded = { ...stored, isNew: false, epochs: new Map(), touched: new Set() }
        state.sources.set(source, loaded)
      }
      const sequence = stored.epochs.get(epoch)
      if (sequence !== undefined) {
        loaded.epochs.set(epoch, { ...sequence, gaps: parseGaps(formatGaps(sequence.gaps)) })
      }
    }
    for (const { source, id } of keys.events) {
      const sourceId = this.#sources.get(source)?.id
      if (this.events.some((event) => event.sourceId === sourceId && sameId(event.id, id))) {
        state.storedEvents.add(`${source}\n${id.toLowerCase()}`)
      }
    }
  }

  #loadRow(state: WorkingSet, stored: StoredRow | undefined): void {
    if (stored === undefined || state.find(stored.kind, stored.name) !== undefined) return
    const { name: _, ...row } = stored
    state.add({ ...row, resource: decodeRow(stored.kind, stored.body) })
  }

  #save(state: WorkingSet): void {
    for (const row of state.dirty) {
      const stored = this.#rows.get(row.resource.name)
      if (stored !== undefined && stored.id !== row.id) {
        throw new Error(`duplicate key: ${row.resource.name} was made a second time`)
      }
    }
    for (const row of [...state.dirty, ...state.observed]) {
      const { resource, ...rest } = row as Row<KindName>
      this.#rows.set(resource.name, { ...rest, name: resource.name })
    }
    for (const event of state.events) {
      if (this.events.some(({ sourceId, id }) => sourceId === event.sourceId && sameId(id, event.id))) {
        throw new Error(`duplicate key: event ${event.id} was stored a second time`)
      }
      this.events.push(event)
    }
    for (const [key, { gone, ...alias }] of state.aliases.told) {
      if (gone) this.aliases.delete(key)
      else this.aliases.set(key, alias)
    }
    for (const [place, told] of state.labelTimes.told) {
      if (told.toldAt > (this.labels.get(place)?.toldAt ?? 0n)) this.labels.set(place, told)
    }
    for (const [machineId, found] of state.scans) {
      const machine = [...this.#rows.values()].find(({ id }) => id === machineId)!
      const held = this.scans.get(machine.name)
      if (held === undefined || held.observedAt <= found.observedAt) this.scans.set(machine.name, found)
    }
    for (const source of state.sources.values()) {
      const stored = this.#sources.get(source.name)
      const epochs = new Map([...(stored?.epochs ?? []), ...source.epochs])
      this.#sources.set(source.name, { ...source, epochs })
    }
    for (const id of state.endedLeases) this.leases.get(id)!.alive = false
    this.changes.push(...state.changes)
    this.head = state.head
    this.#nextId = state.nextId
  }
}

const decide = <Result>(
  commands: readonly Command<Result>[],
  state: WorkingSet,
): (Result | HoldfastError)[] =>
  commands.map((command) => {
    try {
      return command.decide(state)
    } catch (error) {
      if (error instanceof HoldfastError) return error
      throw error
    }
  })

const sameId = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()

export const facetOf = (ledger: MemoryLedger, machine: string, facet: string) =>
  ledger.get('facet', facetName(machine, facet))
