import { Run_State } from '../../../../proto/gen/holdfast/v1/run.ts'
import type { Command } from '../command.ts'
import type { LoadKeys } from '../load-keys.ts'
import type { WorkingSet } from '../working-set.ts'
import { endRun, type RunEnd } from './end-run.ts'
import { leaveLock, requireRunFence, type Teller } from './run-fence.ts'
import { runFinished, runNamed } from './standing-run.ts'
import type { RunOutcome } from './start-run.ts'

/** Ends a run, and what of its targets is pending with it. The same end told again changes nothing. */
export class FinishRun implements Command<RunOutcome> {
  readonly size = 4096
  readonly #name: string
  readonly #end: RunEnd
  readonly #teller: Teller

  constructor(name: string, end: RunEnd, teller: Teller) {
    this.#name = name
    this.#end = end
    this.#teller = teller
  }

  collect(keys: LoadKeys): void {
    keys.endingRun(this.#name)
  }

  decide(state: WorkingSet): RunOutcome {
    const row = runNamed(state, this.#name)
    const standing = row.resource.state
    const end = { ...this.#end, principal: this.#teller.principal }
    if (standing === end.state) return { run: row.resource, revision: state.head }
    const lock = requireRunFence(state, row.resource, this.#teller)
    if (standing !== Run_State.RUNNING) throw runFinished(this.#name, standing)
    state.revise(() => {
      endRun(state, row, end)
      if (lock !== undefined) leaveLock(state, lock, this.#name)
    })
    return { run: row.resource, revision: state.head }
  }
}
