import { Run_State, RunTarget_Outcome } from '../../../../proto/gen/holdfast/v1/run.ts'
import { API_SOURCE } from '../amendment.ts'
import type { Command } from '../command.ts'
import type { LoadKeys } from '../load-keys.ts'
import { machineName } from '../resource-name.ts'
import type { WorkingSet } from '../working-set.ts'
import { recordRunEvent } from './run-event.ts'
import { requireRunFence, type Teller } from './run-fence.ts'
import { runFinished, runNamed } from './standing-run.ts'
import type { RunOutcome } from './start-run.ts'
import { noteTargets, type TargetReport } from './target-outcome.ts'

/** Tells what became of targets of a run that goes on. What was told before changes nothing. */
export class ReportTargets implements Command<RunOutcome> {
  readonly size: number
  readonly #name: string
  readonly #reports: readonly TargetReport[]
  readonly #teller: Teller

  constructor(name: string, reports: readonly TargetReport[], teller: Teller) {
    this.#name = name
    this.#reports = reports
    this.#teller = teller
    this.size = 1024 + reports.length * 400
  }

  collect(keys: LoadKeys): void {
    const ids = this.#reports.map(({ machine }) => machine)
    keys.named('run', this.#name)
    keys.source(API_SOURCE, 0)
    keys.targetsOf(this.#name, ids)
    for (const id of ids) keys.named('machine', machineName(id))
  }

  decide(state: WorkingSet): RunOutcome {
    const row = runNamed(state, this.#name)
    const { value: machines, revision } = state.revise(() => {
      const { run, machines } = noteTargets(state, row, {
        reports: this.#reports,
        effectiveAt: state.now,
      })
      if (machines.length === 0) return machines
      requireRunFence(state, row.resource, this.#teller)
      if (row.resource.state !== Run_State.RUNNING) throw runFinished(run.name, row.resource.state)
      state.put('run', run)
      return machines
    })
    if (revision === undefined) return { run: row.resource, revision: state.head }
    const count = (wanted: RunTarget_Outcome): number =>
      this.#reports.filter(({ outcome }) => outcome === wanted).length
    recordRunEvent(state, row.resource, {
      payload: {
        $case: 'runTargetsReported',
        value: {
          run: row.resource.name,
          succeeded: count(RunTarget_Outcome.SUCCEEDED),
          failed: count(RunTarget_Outcome.FAILED),
          skipped: count(RunTarget_Outcome.SKIPPED),
        },
      },
      machines,
      principal: this.#teller.principal,
      revision,
    })
    return { run: row.resource, revision }
  }
}
