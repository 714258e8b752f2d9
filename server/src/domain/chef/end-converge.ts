import { type Run, Run_State, RunTarget_Outcome } from '../../../../proto/gen/holdfast/v1/run.ts'
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

/**
 * Ends the run of a converge: its machine and its environment are known for certain now. One that was abandoned since
 * nobody had told its end ends as it did after all; not so one that was under a lock, whose end stands.
 */
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
    const late = isLateFor(run)
    if (run.state !== Run_State.RUNNING && !late) return { run, revision: state.head }
    if (late || run.environment !== environment) {
      const open = { state: Run_State.RUNNING, message: '', endTime: undefined }
      state.revise(() => state.put('run', { ...run, environment, ...(late && open) }))
    }
    this.#report.decide(state)
    return this.#finish.decide(state)
  }
}

/** Whether the end of a converge can still be told, though it was given up. */
export const isLateFor = ({ state, lock }: Pick<Run, 'state' | 'lock'>): boolean =>
  state === Run_State.ABANDONED && lock === ''
