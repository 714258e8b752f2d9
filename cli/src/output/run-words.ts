import { Run_Kind, Run_State } from '@holdfast/sdk/messages'
import type { Tone } from './terminal-text.ts'

/** How far a run got, as a word, and how good that is. */
export function runStateWord(state: Run_State): { text: string; tone: Tone } {
  switch (state) {
    case Run_State.RUNNING:
      return { text: 'running', tone: 'strong' }
    case Run_State.SUCCEEDED:
      return { text: 'succeeded', tone: 'good' }
    case Run_State.FAILED:
      return { text: 'failed', tone: 'bad' }
    case Run_State.CANCELLED:
      return { text: 'cancelled', tone: 'warning' }
    case Run_State.ABANDONED:
      return { text: 'abandoned', tone: 'bad' }
    default:
      return { text: 'unknown', tone: 'faint' }
  }
}

/** A run's kind as a word. */
export function runKindWord(kind: Run_Kind): string {
  switch (kind) {
    case Run_Kind.DEPLOY:
      return 'deploy'
    case Run_Kind.CONVERGE:
      return 'converge'
    case Run_Kind.MIGRATION:
      return 'migration'
    case Run_Kind.TASK:
      return 'task'
    default:
      return 'run'
  }
}
