import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type LockSignal, type LockState, nextLockState } from './lock-state.ts'

const signals: LockSignal[] = ['beat', 'silence', 'lose', 'release']

test('lost and released are final, and until then the last beat or silence says how it stands', () => {
  const last: Record<LockSignal, LockState> = {
    beat: 'held',
    silence: 'at-risk',
    lose: 'lost',
    release: 'released',
  }
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...signals)), (sequence) => {
      let state: LockState = 'held'
      let expected: LockState = 'held'
      for (const signal of sequence) {
        state = nextLockState(state, signal)
        if (expected !== 'lost' && expected !== 'released') expected = last[signal]
        expect(state).toBe(expected)
      }
    }),
  )
})
