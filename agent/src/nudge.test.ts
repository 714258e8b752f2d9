import { expect, test } from 'vitest'
import { Nudge } from './nudge.ts'

const never = new AbortController().signal
const hourMs = 3_600_000

test('a nudge ends the rest, also one that came while the work before it was done', async () => {
  const nudge = new Nudge()
  const resting = nudge.rest(hourMs, never)
  nudge.give()
  await resting
  nudge.forget()
  nudge.give()
  await nudge.rest(hourMs, never)
})

test('what was nudged for before it was forgotten ends no rest', async () => {
  const nudge = new Nudge()
  nudge.give()
  nudge.forget()
  const began = performance.now()
  await nudge.rest(20, never)
  expect(performance.now() - began).toBeGreaterThanOrEqual(15)
  await nudge.rest(hourMs, AbortSignal.abort())
})
