import { Run_State, RunTarget_Outcome } from '../../../../proto/gen/holdfast/v1/run.ts'
import type { Command } from '../command.ts'
import { DEFAULT_ENVIRONMENT } from '../fold/resource.ts'
import type { LoadKeys } from '../load-keys.ts'
import type { RunEnd } from '../runs/end-run.ts'
import { FinishRun } from '../runs/finish-run.ts'
import { ReportTargets } from '../runs/report-targets.ts'
import { runNamed } from '../runs/standing-run.ts'
import type { RunOutcome } from '../runs/start-run.ts'
import type { WorkingSet } from '../working-set.ts'

/** How a converge ended, and what only its end tells. */
export interface ConvergeEnd extends RunEnd {
  name: string
  /** The id of the machine. */
  machine: string
  /** Empty: not told. */
  environment: string
}

/** Ends the run of a converge: its machine and its environment are known for certain now. */
export class EndConverge implements Command<RunOutcome> {
  readonly size = 8192
  readonly #end: ConvergeEnd
  readonly #report: ReportTargets
  readonly #finish: FinishRun

  constructor(end: ConvergeEnd, principal: string) {
    const { name, machine, message, state } = end
    const outcome = state === Run_State.SUCCEEDED ? RunTarget_Outcome.SUCCEEDED : RunTarget_Outcome.FAILED
    this.#end = end
    this.#report = new ReportTargets(name, [{ machine, outcome, message }], { principal })
    this.#finish = new FinishRun(name, end, { principal })
  }

  collect(keys: LoadKeys): void {
    this.#report.collect(keys)
    this.#finish.collect(keys)
  }

  decide(state: WorkingSet): RunOutcome {
    const { resource: run } = runNamed(state, this.#end.name)
    const environment = this.#end.environment || DEFAULT_ENVIRONMENT
    // What came first wins, also where the same converge is told twice with another end.
    if (run.state !== Run_State.RUNNING) return { run, revision: state.head }
    if (run.environment !== environment) state.revise(() => state.put('run', { ...run, environment }))
    this.#report.decide(state)
    return this.#finish.decide(state)
  }
}
