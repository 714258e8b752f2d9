import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nextWatchState, type WatchSignal, type WatchState } from './watch-state.ts'

const signals: WatchSignal[] = [
  'snapshot',
  'reset',
  'snapshotEnd',
  'changes',
  'progress',
  'drop',
  'refuse',
  'retry',
  'close',
]

function run(sequence: WatchSignal[]): WatchState[] {
  const states: WatchState[] = ['connecting']
  for (const signal of sequence) states.push(nextWatchState(states.at(-1)!, signal))
  return states
}

test('failed and closed are final', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...signals)), (sequence) => {
      const states = run(sequence)
      const end = states.findIndex((state) => state === 'failed' || state === 'closed')
      if (end >= 0) expect(new Set(states.slice(end))).toEqual(new Set([states[end]]))
    }),
  )
})

test('changes are never taken between the parts of one snapshot', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...signals)), (sequence) => {
      const states = run(sequence)
      sequence.forEach((signal, index) => {
        if (signal === 'changes' && states[index] === 'snapshot') expect(states[index + 1]).toBe('failed')
      })
    }),
  )
})

test('nothing of the server is taken while no stream is open', () => {
  for (const step of ['snapshot', 'reset', 'snapshotEnd', 'changes', 'progress'] as const) {
    expect(nextWatchState('waiting', step)).toBe('failed')
  }
})

test('a stream as the contract has it, cut anywhere and begun again, never fails', () => {
  const steps = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.array(fc.constantFrom('changes', 'progress')))
  fc.assert(
    fc.property(steps, fc.infiniteStream(fc.boolean()), ([parts, live], cut) => {
      const script = [...Array(parts).fill('snapshot'), 'snapshotEnd', ...live] as WatchSignal[]
      const cuts = cut[Symbol.iterator]()
      let state: WatchState = 'connecting'
      for (const signal of script) {
        if (cuts.next().value) {
          state = nextWatchState(state, 'drop')
          expect(state).toBe('waiting')
          state = nextWatchState(state, 'retry')
        }
        state = nextWatchState(state, signal)
        expect(['snapshot', 'live']).toContain(state)
      }
      expect(nextWatchState(state, 'close')).toBe('closed')
    }),
  )
})
