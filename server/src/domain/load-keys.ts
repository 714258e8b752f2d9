import type { Alias, MachineRef } from '../../../proto/gen/holdfast/v1/machine.ts'
import { facetName, instanceName, MAIN_SLOT } from './resource-name.ts'

/** One event's identity, and when it occurred, which tells the partitions it can be in. */
export interface EventKey {
  source: string
  id: string
  occurredAt: bigint
}

export const aliasKey = (alias: Alias): string => `${alias.kind}\n${alias.value}`

/**
 * The rows that a batch of commands wants to see before it decides, gathered so that each kind is one query.
 * Instances and facets are asked for under the machine id that an event gives; when an alias leads to a
 * machine of another id, `underOtherNames` says what to ask for a second time.
 */
export class LoadKeys {
  readonly machineIds = new Set<string>()
  readonly aliases = new Map<string, Alias>()
  readonly services = new Set<string>()
  readonly instanceNames = new Set<string>()
  readonly facetNames = new Set<string>()
  readonly conditions = new Set<string>()
  readonly sources = new Map<string, { source: string; epoch: number }>()
  readonly events: EventKey[] = []
  readonly #wants: { ref: MachineRef; add: (keys: LoadKeys, machineId: string) => void }[] = []

  machine(ref: MachineRef): void {
    if (ref.id !== '') this.machineIds.add(ref.id)
    for (const alias of ref.aliases) this.aliases.set(aliasKey(alias), alias)
  }

  instance(ref: MachineRef, service: string, slot: string): void {
    this.#want(ref, (keys, machine) => {
      keys.instanceNames.add(instanceName({ machine, service, slot: slot || MAIN_SLOT }))
    })
  }

  facet(ref: MachineRef, facet: string): void {
    this.#want(ref, (keys, machine) => {
      keys.facetNames.add(facetName(machine, facet))
    })
  }

  source(source: string, epoch: number): void {
    this.sources.set(`${source}\n${epoch}`, { source, epoch })
  }

  /** The instances and facets to ask for a second time: those that `idOf` finds under another machine id. */
  underOtherNames(idOf: (alias: Alias) => string | undefined): LoadKeys {
    const keys = new LoadKeys()
    for (const { ref, add } of this.#wants) {
      for (const alias of ref.aliases) {
        const id = idOf(alias)
        if (id !== undefined && id !== ref.id) add(keys, id)
      }
    }
    return keys
  }

  #want(ref: MachineRef, add: (keys: LoadKeys, machineId: string) => void): void {
    if (ref.id !== '') add(this, ref.id)
    if (ref.aliases.length > 0) this.#wants.push({ ref, add })
  }
}
