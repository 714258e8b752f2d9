import { expect, test } from 'vitest'
import { LossSignal } from './loss-signal.ts'

test('L4: whoever asks the signal after a stop is told of the loss, though no timer has run', () => {
  let over = false
  const reason = new Error('lost')
  const loss = new LossSignal(() => over && loss.abort(reason))
  const { signal } = loss
  let heard = 0
  signal.addEventListener('abort', () => heard++)
  expect(signal.aborted).toBe(false)
  over = true
  expect(() => signal.throwIfAborted()).toThrow(reason)
  expect([signal.aborted, signal.reason, heard]).toEqual([true, reason, 1])
  expect(AbortSignal.any([signal]).aborted).toBe(true)
})

test('a signal that is asked for after the loss is aborted', () => {
  const loss = new LossSignal(() => {})
  loss.abort(new Error('lost'))
  expect(loss.signal.aborted).toBe(true)
  expect(loss.signal).toBe(loss.signal)
})
