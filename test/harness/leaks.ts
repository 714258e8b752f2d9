import { afterEach, beforeEach } from 'vitest'
import { running } from './tracked.ts'

/** Fails each test of this file that leaves something running that it started. */
export function failOnLeaks(): void {
  let before: ReadonlySet<object> = new Set()
  beforeEach(() => {
    before = new Set(running.keys())
  })
  afterEach(() => {
    const left = [...running].filter(([thing]) => !before.has(thing)).map(([, what]) => what)
    if (left.length > 0) throw new Error(`still running after the test: ${left.join(', ')}`)
  })
}
