import type { Lock } from '../../../../proto/gen/holdfast/v1/lock.ts'
import { Run_State } from '../../../../proto/gen/holdfast/v1/run.ts'
import type { WorkingSet } from '../working-set.ts'
import { endRun } from './end-run.ts'

/**
 * Ends the runs that go on under a lock which has ended, within `revise`: nobody may tell of them any more. The lock
 * names them, so that one under which nothing was started costs nothing.
 */
export function abandonRuns(state: WorkingSet, { name: lock, runs }: Lock, { by, reason }: Ended): void {
  for (const name of runs) {
    const row = state.find('run', name)
    if (row?.resource.state !== Run_State.RUNNING) continue
    const why = reason === '' ? '' : `: ${reason}`
    endRun(state, row, {
      state: Run_State.ABANDONED,
      message: `${lock} ended before it${why}`,
      exitCode: undefined,
      endTime: undefined,
      principal: by,
    })
  }
}

/** Who ended the lock, and what they said. */
interface Ended {
  by: string
  reason: string
}
