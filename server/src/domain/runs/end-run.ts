import { RunTarget_Outcome } from '../../../../proto/gen/holdfast/v1/run.ts'
import type { FinishRunRequest } from '../../../../proto/gen/holdfast/v1/run_service.ts'
import { earlier, instantFromTimestamp, timestampFromInstant } from '../instant.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'
import { recordRunEvent, toldOfRun } from './run-event.ts'
import { noteTargets, UNREPORTED } from './target-outcome.ts'

/** How a run ended. */
export type RunEnd = Pick<FinishRunRequest, 'state' | 'message' | 'exitCode' | 'endTime'>

/** Ends a run that goes on, with all that follows of it, within `revise`. */
export function endRun(state: WorkingSet, row: Row<'run'>, end: RunEnd & { principal: string }): void {
  const outcome = UNREPORTED[end.state]!
  const pending = [...state.targets.values()].filter(
    (target) => target.runId === row.id && target.outcome === RunTarget_Outcome.PENDING,
  )
  const reports = pending.map(({ machine, message }) => ({ machine, outcome, message }))
  const endedAt =
    end.endTime === undefined ? state.now : earlier(instantFromTimestamp(end.endTime), state.now)
  const { run, machines } = noteTargets(state, row, { reports, effectiveAt: endedAt })
  const { resource: ended } = state.put('run', {
    ...run,
    state: end.state,
    message: end.message,
    exitCode: end.exitCode,
    endTime: timestampFromInstant(endedAt),
  })
  recordRunEvent(state, ended, {
    payload: {
      $case: 'runFinished',
      value: { ...toldOfRun(ended), state: ended.state, message: ended.message },
    },
    machines,
    principal: end.principal,
    revision: state.head,
  })
}
