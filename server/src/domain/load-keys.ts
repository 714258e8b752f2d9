import type { Alias, Machine, MachineRef } from '../../../proto/gen/holdfast/v1/machine.ts'
import { aliasKey, isStrong } from './alias.ts'
import { API_SOURCE } from './amendment.ts'
import type { Instant } from './instant.ts'
import type { KindName } from './kind.ts'
import type { LockTable } from './locks/lock-table.ts'
import { conditionName, facetName, idOf, instanceName, MAIN_SLOT, machineName } from './resource-name.ts'
import type { Row } from './rows.ts'

/** One event's identity, and when it occurred, which tells the partitions it can be in. */
export interface EventKey {
  source: string
  id: string
  occurredAt: bigint
  /** For how long it would be kept. What is older is refused. */
  retentionDays: number
}

/** The table of locks before a batch is decided, the ledger's epoch, and about what time it is. */
export interface LocksAtHand {
  locks: LockTable
  epoch: bigint
  now: Instant
}

/**
 * The rows that a batch of commands wants to see before it decides, gathered so that each kind is one query.
 * Instances and facets are asked for under the machine id that an event gives; when an alias may lead to a
 * machine of another id, `afterMachines` says what to ask for a second time.
 */
export class LoadKeys {
  /** The names of resources, by kind. */
  readonly names = new Map<KindName, Set<string>>()
  /** Strong ones only: a weak one matches nothing, and may be shared by every machine there is. */
  readonly aliases = new Map<string, Alias>()
  readonly sources = new Map<string, { source: string; epoch: number }>()
  readonly events: EventKey[] = []
  /** Machines whose findings are wanted, with the services and instances of these. */
  readonly scanned: MachineRef[] = []
  /** Machines of whose labels it is wanted when they were told. */
  readonly labelled: MachineRef[] = []
  /** Targets of runs, with their machines and, for a deploy, instances: by the run's name, those of these ids. */
  readonly runTargets = new Map<string, Set<string>>()
  /** Runs of which every target that is pending is asked for, likewise. */
  readonly pendingTargets = new Set<string>()
  /** Whether all rules of discovery are wanted. */
  rules = false
  /** Leases to look at, by id. */
  readonly leases = new Set<string>()
  /** Leases that may be ended, by id: beats for them wait until the batch is written. */
  readonly endingLeases = new Set<string>()
  readonly #lockNames = new Set<string>()
  readonly #ending: ((table: LocksAtHand) => readonly Row<'lock'>[])[] = []
  readonly #waiting: ((table: LocksAtHand) => readonly string[])[] = []
  /** References that bring strong aliases. */
  readonly #refs = new Set<MachineRef>()
  readonly #conflictsOf = new Set<string>()
  readonly #wants: { ref: MachineRef; add: (keys: LoadKeys, machineId: string) => void }[] = []

  /** Whether there is nothing to ask for. */
  get isEmpty(): boolean {
    return this.leases.size === 0 && this.isOfLeasesOnly
  }

  /** Whether leases are all that is asked for. */
  get isOfLeasesOnly(): boolean {
    const { names, aliases, sources, runTargets, pendingTargets, endingLeases } = this
    const { events, scanned, labelled, rules } = this
    const sized = [names, aliases, sources, runTargets, pendingTargets, endingLeases]
    const listed = events.length + scanned.length + labelled.length
    return !rules && listed === 0 && sized.every(({ size }) => size === 0)
  }

  /** A resource by its name. */
  named(kind: KindName, name: string): void {
    const names = this.names.get(kind)
    if (names === undefined) this.names.set(kind, new Set([name]))
    else names.add(name)
  }

  machine(ref: MachineRef): void {
    if (ref.id !== '') this.named('machine', machineName(ref.id))
    for (const alias of ref.aliases) {
      if (!isStrong(alias)) continue
      this.aliases.set(aliasKey(alias), alias)
      this.#refs.add(ref)
    }
  }

  /** A machine, and the ones that it is in conflict with. */
  machineWithConflicts(id: string): void {
    this.named('machine', machineName(id))
    this.#conflictsOf.add(machineName(id))
  }

  instance(ref: MachineRef, service: string, slot: string): void {
    this.#want(ref, (keys, machine) => {
      keys.named('instance', instanceName({ machine, service, slot: slot || MAIN_SLOT }))
    })
  }

  facet(ref: MachineRef, facet: string): void {
    this.#want(ref, (keys, machine) => {
      keys.named('facet', facetName(machine, facet))
    })
  }

  /** All that discovery knows of a machine. */
  scan(ref: MachineRef): void {
    this.machine(ref)
    this.scanned.push(ref)
    this.rules = true
  }

  /** A machine, and when its labels were told. */
  labels(ref: MachineRef): void {
    this.machine(ref)
    this.labelled.push(ref)
  }

  /** Targets of a run, by the ids of their machines. */
  targetsOf(run: string, machines: readonly string[]): void {
    const ids = this.runTargets.get(run) ?? new Set()
    for (const id of machines) ids.add(id)
    this.runTargets.set(run, ids)
  }

  source(source: string, epoch: number): void {
    this.sources.set(`${source}\n${epoch}`, { source, epoch })
  }

  condition(id: string): void {
    this.named('condition', conditionName(id))
  }

  /** A lock by its name. Those that are held or wait are at hand; another is loaded. */
  lock(name: string): void {
    this.#lockNames.add(name)
  }

  /** Leases to look at, told once the table of locks is up to date: those of requests that may be granted. */
  waitingLeases(leases: (table: LocksAtHand) => readonly string[]): void {
    this.#waiting.push(leases)
  }

  /** Locks that may be ended, told once the table of locks is up to date: the runs under them end as well. */
  endingLocks(locks: (table: LocksAtHand) => readonly Row<'lock'>[]): void {
    this.#ending.push(locks)
  }

  /** A run that may be ended, with its targets that are pending. */
  endingRun(name: string): void {
    this.named('run', name)
    this.source(API_SOURCE, 0)
    this.pendingTargets.add(name)
  }

  /**
   * Asks for the locks that are not at hand, for the leases of those who wait, and for the runs that go on under
   * locks that may end. Called with the table as this writer left it, and again once it is up to date: gives what
   * to ask for then. Often nothing.
   */
  withLocks(table: LocksAtHand): LoadKeys {
    const more = new LoadKeys()
    const known = this.names.get('lock')
    for (const name of this.#lockNames) {
      if (table.locks.lock(name) !== undefined || known?.has(name)) continue
      this.named('lock', name)
      more.named('lock', name)
    }
    for (const ask of this.#waiting) {
      for (const id of ask(table)) {
        if (this.leases.has(id) || this.endingLeases.has(id)) continue
        this.leases.add(id)
        more.leases.add(id)
      }
    }
    for (const ask of this.#ending) {
      for (const run of ask(table).flatMap(({ resource }) => resource.runs)) {
        if (this.pendingTargets.has(run)) continue
        this.endingRun(run)
        more.endingRun(run)
      }
    }
    return more
  }

  /** What to ask for a second time, now that `machines` are loaded. Often nothing. */
  afterMachines(machines: readonly Machine[]): LoadKeys {
    const keys = new LoadKeys()
    for (const { name, identityConflicts } of machines) {
      if (!this.#conflictsOf.has(name)) continue
      for (const { otherMachine } of identityConflicts) keys.named('machine', otherMachine)
    }
    if (this.#wants.length > 0) this.#underOtherNames(machines, keys)
    return keys
  }

  /**
   * Instances and facets under the other ids that a reference may come to mean. Two references that share a
   * strong alias, with one another or through a machine or a third reference, may mean the same machine: one
   * command teaches a machine what the next one finds it by.
   */
  #underOtherNames(machines: readonly Machine[], keys: LoadKeys): void {
    const groups = new Groups()
    for (const ref of this.#refs) groups.join(nodesOf(ref.id, ref.aliases))
    for (const { name, aliases } of machines) groups.join(nodesOf(idOf(name), aliases))
    const ids = Map.groupBy(
      machines.map(({ name }) => idOf(name)),
      (id) => groups.of(idNode(id)),
    )
    for (const { ref, add } of this.#wants) {
      const group = groups.of(nodesOf(ref.id, ref.aliases)[0]!)
      for (const id of ids.get(group) ?? []) if (id !== ref.id) add(keys, id)
    }
  }

  #want(ref: MachineRef, add: (keys: LoadKeys, machineId: string) => void): void {
    if (ref.id !== '') add(this, ref.id)
    if (ref.aliases.some(isStrong)) this.#wants.push({ ref, add })
  }
}

const idNode = (id: string): string => `id\n${id}`

const nodesOf = (id: string, aliases: Alias[]): string[] => [
  ...(id === '' ? [] : [idNode(id)]),
  ...aliases.filter(isStrong).map(aliasKey),
]

/** Disjoint sets of strings (union-find): each belongs to the group that its first member names. */
class Groups {
  readonly #parent = new Map<string, string>()

  of(node: string): string {
    let root = node
    for (let up = this.#parent.get(root); up !== undefined; up = this.#parent.get(root)) root = up
    while (node !== root) {
      const next = this.#parent.get(node)!
      this.#parent.set(node, root)
      node = next
    }
    return root
  }

  join(nodes: string[]): void {
    const root = this.of(nodes[0]!)
    for (const node of nodes) {
      const other = this.of(node)
      if (other !== root) this.#parent.set(other, root)
    }
  }
}
