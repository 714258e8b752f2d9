import { Run_State } from '../../../../proto/gen/holdfast/v1/run.ts'
import { HoldfastError, notFound } from '../error.ts'
import type { Row } from '../rows.ts'
import type { WorkingSet } from '../working-set.ts'

/** The run of this name. Throws NOT_FOUND. */
export function runNamed(state: WorkingSet, name: string): Row<'run'> {
  const row = state.find('run', name)
  if (row !== undefined) return row
  throw noRun(name)
}

/** The refusal of a write to a run that nobody has started. */
export const noRun = (name: string): HoldfastError => notFound(name, 'start it with StartRun first')

/** The refusal of a write to a run that has ended. */
export function runFinished(name: string, state: Run_State): HoldfastError {
  const ended = Object.entries(Run_State).find(([, value]) => value === state)?.[0] ?? String(state)
  return new HoldfastError(
    'RUN_FINISHED',
    `${name} has ended, as ${ended}, and takes no more; start another run`,
    {
      metadata: { resource: name, state: ended },
    },
  )
}
