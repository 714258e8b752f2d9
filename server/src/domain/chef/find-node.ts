import type { MachineRef } from '../../../../proto/gen/holdfast/v1/machine.ts'
import type { Command } from '../command.ts'
import type { LoadKeys } from '../load-keys.ts'
import { resolveMachine } from '../machine-identity.ts'
import { idOf, machineName } from '../resource-name.ts'
import type { WorkingSet } from '../working-set.ts'

/** The id of the machine that a node is; undefined when it is not known, and `make` is false. */
export class FindNode implements Command<string | undefined> {
  readonly size = 1024
  readonly #ref: MachineRef
  readonly #make: boolean

  constructor(ref: MachineRef, { make }: { make: boolean }) {
    this.#ref = ref
    this.#make = make
  }

  collect(keys: LoadKeys): void {
    keys.machine(this.#ref)
  }

  decide(state: WorkingSet): string | undefined {
    if (this.#make) return idOf(state.revise(() => resolveMachine(state, this.#ref)).value.resource.name)
    // A converge that begins tells little of its node: that must not teach a machine a key.
    for (const alias of this.#ref.aliases) {
      const known = state.aliases.ownerOf(alias)
      if (known !== undefined) return idOf(known.resource.name)
    }
    return state.find('machine', machineName(this.#ref.id)) === undefined ? undefined : this.#ref.id
  }
}
