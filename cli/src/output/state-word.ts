import { Instance_State } from '@holdfast/sdk/messages'
import type { Tone } from './terminal-text.ts'

/** An instance's state as a word, and how good that is. */
export function stateWord(state: Instance_State): { text: string; tone: Tone } {
  switch (state) {
    case Instance_State.RUNNING:
      return { text: 'running', tone: 'good' }
    case Instance_State.STOPPED:
      return { text: 'stopped', tone: 'warning' }
    case Instance_State.VANISHED:
      return { text: 'vanished', tone: 'bad' }
    case Instance_State.KNOWN:
      return { text: 'known', tone: 'faint' }
    default:
      return { text: 'unknown', tone: 'faint' }
  }
}
