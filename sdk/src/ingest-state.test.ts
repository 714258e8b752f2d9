import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type IngestSignal, type IngestState, nextIngestState } from './ingest-state.ts'

const signals: IngestSignal[] = ['send', 'drop', 'rest', 'retry', 'refuse', 'end']

test('what is sent is under way or waits for its turn until the stream is over', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...signals)), (sequence) => {
      let state: IngestState = 'idle'
      let unsettled = false
      for (const signal of sequence) {
        // The stream rests only when nothing is unsettled, and drops only when something is.
        if ((signal === 'rest' && unsettled) || (signal === 'drop' && !unsettled)) continue
        state = nextIngestState(state, signal)
        if (signal === 'send') unsettled = true
        if (signal === 'rest' && state === 'idle') unsettled = false
        if (unsettled) expect(state).not.toBe('idle')
      }
    }),
  )
})

test('failed and ended are final', () => {
  for (const state of ['failed', 'ended'] as const) {
    for (const signal of signals) expect(nextIngestState(state, signal)).toBe(state)
  }
})
