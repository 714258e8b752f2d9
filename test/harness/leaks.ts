import { afterEach, beforeEach } from 'vitest'

/** What runs, by what it is. Whatever a harness starts is in here until it has ended. */
const running = new Map<object, string>()

/** Notes something that must end; gives what says that it did. */
export function tracked(thing: object, what: string): () => void {
  running.set(thing, what)
  return () => void running.delete(thing)
}

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
