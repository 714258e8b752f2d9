import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ConnectionSignal, nextConnectionState } from './connection-state.ts'

const signals: ConnectionSignal[] = ['dial', 'connect', 'fail', 'rest', 'close']

test('the state is what the last signal says, until the connection is closed', () => {
  const model = { dial: 'connecting', connect: 'ready', fail: 'unreachable', rest: 'idle' } as const
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...signals)), (sequence) => {
      let state = nextConnectionState('idle', 'rest')
      let expected: string = 'idle'
      for (const signal of sequence) {
        state = nextConnectionState(state, signal)
        if (signal === 'close' || expected === 'closed') expected = 'closed'
        else expected = model[signal]
        expect(state).toBe(expected)
      }
    }),
  )
})
