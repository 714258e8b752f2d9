import type { ProcessScan } from '../../../../proto/gen/holdfast/v1/machine.ts'
import { API_SOURCE } from '../amendment.ts'
import type { Command } from '../command.ts'
import { instantFromTimestamp } from '../instant.ts'
import type { LoadKeys } from '../load-keys.ts'
import { isRetired } from '../machine-identity.ts'
import { idOf } from '../resource-name.ts'
import type { WorkingSet } from '../working-set.ts'
import { foldScan } from './fold-scan.ts'

/** Works a stored scan into the findings of its machine again, by the rules as they are now. */
export class RefoldScan implements Command<void> {
  readonly size: number
  readonly #machine: string
  readonly #scan: ProcessScan
  readonly #principal: string

  constructor(machine: string, scan: ProcessScan, principal: string) {
    this.#machine = machine
    this.#scan = scan
    this.#principal = principal
    this.size = 500 + scan.processes.length * 200
  }

  collect(keys: LoadKeys): void {
    keys.scan({ id: idOf(this.#machine), aliases: [] })
  }

  decide(state: WorkingSet): void {
    const machine = state.find('machine', this.#machine)
    if (machine === undefined || isRetired(machine)) return
    const { observedTime, processes, complete, interval } = this.#scan
    const effectiveAt = instantFromTimestamp(observedTime!)
    const origin = { source: API_SOURCE, epoch: 0, seq: 0, effectiveAt, occurredAt: effectiveAt }
    // A scan that arrived meanwhile knew the rules already; what it has seen this one is too late for.
    state.revise(() =>
      foldScan(
        state,
        machine,
        { machine: undefined, processes, complete, listComplete: false, interval },
        { ...origin, principal: this.#principal },
      ),
    )
  }
}
