import type { Holdfast } from '@holdfast/sdk'
import { expect } from 'vitest'
import { until } from '../harness/wait.ts'

/** Clients that take one lock in turns, each again and again, until they are stopped. */
export function keepLocking(clients: Holdfast[], options: { scope: string; ttlMs: number }) {
  /** Of each grant, in the order in which they were told. */
  const tokens: bigint[] = []
  let stopped = false
  let holders = 0
  const turns = clients.map(async (client) => {
    while (!stopped) {
      const lock = await client
        .acquireLock(options.scope, { ...options, waitMs: 60_000 })
        .catch(() => undefined)
      if (lock === undefined) continue
      expect(++holders, 'holders at once').toBe(1)
      tokens.push(lock.fencingToken)
      holders--
      await lock.release().catch(() => {})
    }
  })
  const done = Promise.all(turns)
  done.catch(() => {})
  return {
    tokens,
    async more(count: number): Promise<void> {
      const enough = tokens.length + count
      await until(`${count} more grants`, () => tokens.length >= enough)
    },
    /** Rejects when two held it at once. */
    async stop(): Promise<void> {
      stopped = true
      await done
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      await done.catch(() => {})
    },
  }
}
