import { Run_State } from '../../../../proto/gen/holdfast/v1/run.ts'
import type { Command } from '../command.ts'
import type { LoadKeys } from '../load-keys.ts'
import type { WorkingSet } from '../working-set.ts'
import { endRun } from './end-run.ts'

/** Who ends runs of which nobody tells the end. */
const PRINCIPAL = 'holdfast'

/** Ends runs under no lock whose end nobody has told in time, and gives how many that were. */
export class AbandonOverdue implements Command<number> {
  readonly size: number
  readonly #names: readonly string[]
  readonly #hours: number

  constructor(names: readonly string[], hours: number) {
    this.size = names.length * 4096
    this.#names = names
    this.#hours = hours
  }

  collect(keys: LoadKeys): void {
    for (const name of this.#names) keys.endingRun(name)
  }

  decide(state: WorkingSet): number {
    let abandoned = 0
    for (const name of this.#names) {
      const row = state.find('run', name)
      if (row?.resource.state !== Run_State.RUNNING || row.resource.lock !== '') continue
      const message = `its end was not told within ${this.#hours} h`
      state.revise(() =>
        endRun(state, row, {
          ...{ state: Run_State.ABANDONED, message, exitCode: undefined, endTime: undefined },
          principal: PRINCIPAL,
        }),
      )
      abandoned++
    }
    return abandoned
  }
}
