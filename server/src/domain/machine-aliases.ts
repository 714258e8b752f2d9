import type { Alias } from '../../../proto/gen/holdfast/v1/machine.ts'
import { aliasKey, isStrong } from './alias.ts'
import type { Row } from './rows.ts'
import type { UndoLog } from './undo-log.ts'

/** What became of an alias of a machine: claimed, or gone. */
export interface ToldAlias {
  alias: Alias
  machineId: bigint
  gone: boolean
}

/** Which machine each alias is of, as the commands of one batch see it. */
export class MachineAliases {
  readonly #undo: UndoLog
  /** Machines by their strong aliases. */
  readonly #owners = new Map<string, Row<'machine'>>()
  readonly #told = new Map<string, ToldAlias>()

  constructor(undo: UndoLog) {
    this.#undo = undo
  }

  /** What this batch tells, by alias and machine, the last word of each. */
  get told(): ReadonlyMap<string, ToldAlias> {
    return this.#told
  }

  /** Adds a loaded machine. */
  load(row: Row<'machine'>): void {
    for (const alias of row.resource.aliases) if (isStrong(alias)) this.#owners.set(aliasKey(alias), row)
  }

  /** The machine that is known by a strong alias. */
  ownerOf(alias: Alias): Row<'machine'> | undefined {
    return this.#owners.get(aliasKey(alias))
  }

  claim(row: Row<'machine'>, alias: Alias): void {
    if (isStrong(alias)) this.#undo.set(this.#owners, aliasKey(alias), row)
    this.#tell(row, alias, false)
  }

  /** Takes a weak alias off a machine. */
  drop(row: Row<'machine'>, alias: Alias): void {
    this.#tell(row, alias, true)
  }

  #tell({ id: machineId }: Row<'machine'>, alias: Alias, gone: boolean): void {
    this.#undo.set(this.#told, `${aliasKey(alias)}\n${machineId}`, { alias, machineId, gone })
  }
}
