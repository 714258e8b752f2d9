import { type Run, Run_State, RunTarget_Outcome } from '../../../../proto/gen/holdfast/v1/run.ts'
import type { FinishRunRequest } from '../../../../proto/gen/holdfast/v1/run_service.ts'
import { API_SOURCE } from '../amendment.ts'
import type { Command } from '../command.ts'
import { earlier, instantFromTimestamp, timestampFromInstant } from '../instant.ts'
import type { LoadKeys } from '../load-keys.ts'
import type { Row, WorkingSet } from '../working-set.ts'
import { recordRunEvent, toldOfRun } from './run-event.ts'
import { runFinished, runNamed } from './standing-run.ts'
import type { RunOutcome } from './start-run.ts'
import { noteTargets, UNREPORTED } from './target-outcome.ts'

/** How a run ended. */
export type RunEnd = Pick<FinishRunRequest, 'state' | 'message' | 'exitCode' | 'endTime'>

/** Ends a run, and what of its targets is pending with it. The same end told again changes nothing. */
export class FinishRun implements Command<RunOutcome> {
  readonly size = 4096
  readonly #name: string
  readonly #end: RunEnd
  readonly #principal: string

  constructor(name: string, end: RunEnd, principal: string) {
    this.#name = name
    this.#end = end
    this.#principal = principal
  }

  collect(keys: LoadKeys): void {
    keys.named('run', this.#name)
    keys.source(API_SOURCE, 0)
    keys.pendingTargets.add(this.#name)
  }

  decide(state: WorkingSet): RunOutcome {
    const row = runNamed(state, this.#name)
    const standing = row.resource.state
    if (standing === this.#end.state) return { run: row.resource, revision: state.head }
    if (standing !== Run_State.RUNNING) throw runFinished(this.#name, standing)
    const run = endRun(state, row, { ...this.#end, principal: this.#principal })
    return { run, revision: state.head }
  }
}

/** Ends a run that goes on, with all that follows of it, in one revision. */
export function endRun(state: WorkingSet, row: Row<'run'>, end: RunEnd & { principal: string }): Run {
  const { value: machines, revision } = state.revise(() => {
    const outcome = UNREPORTED[end.state]!
    const pending = [...state.targets.values()].filter(
      (target) => target.runId === row.id && target.outcome === RunTarget_Outcome.PENDING,
    )
    const reports = pending.map(({ machine, message }) => ({ machine, outcome, message }))
    const { run, machines } = noteTargets(state, row, reports)
    const endedAt =
      end.endTime === undefined ? state.now : earlier(instantFromTimestamp(end.endTime), state.now)
    state.put('run', {
      ...run,
      state: end.state,
      message: end.message,
      exitCode: end.exitCode,
      endTime: timestampFromInstant(endedAt),
    })
    return machines
  })
  const { resource: run } = row
  recordRunEvent(state, run, {
    payload: {
      $case: 'runFinished',
      value: { ...toldOfRun(run), state: run.state, message: run.message },
    },
    machines,
    principal: end.principal,
    revision: revision!,
  })
  return run
}
