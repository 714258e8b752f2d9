import { expect } from 'vitest'
import type { Clients } from '../harness/clients.ts'
import { until } from '../harness/wait.ts'
import type { HistoryEntry } from './history.ts'
import { report, started } from './reports.ts'

/** Reports one start after another, each of its own version, at whichever server takes it, until it is stopped. */
export function keepWriting(servers: Clients[]) {
  /** The version and the revision of everything that was acknowledged. */
  const acknowledged: { version: string; revision: bigint }[] = []
  let stopped = false
  const done = (async () => {
    for (let n = 0; !stopped; n++) {
      const version = `v${n}`
      // Not again after a failure: then it may be there or not, and nothing was promised.
      const outcome = await report(servers[n % servers.length]!, [
        started(`web-${n % 5}`, 'airship', version),
      ]).catch(() => undefined)
      if (outcome !== undefined) acknowledged.push({ version, revision: outcome.revision })
    }
  })()
  return {
    acknowledged,
    /** Waits until so many more were acknowledged. */
    async more(count: number): Promise<void> {
      const enough = acknowledged.length + count
      await until(`${count} more writes`, () => acknowledged.length >= enough)
    },
    async stop(): Promise<bigint> {
      stopped = true
      await done
      return acknowledged.at(-1)!.revision
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      await done
    },
  }
}

/** Each of them is in the history, at its revision, once. */
export function expectAll(
  acknowledged: { version: string; revision: bigint }[],
  history: HistoryEntry[],
): void {
  const versions = new Map<string, bigint[]>()
  for (const { revision, images } of history) {
    for (const { resource } of images) {
      if (resource.resource?.$case !== 'instance') continue
      const version = resource.resource.value.runningVersion
      versions.set(version, [...(versions.get(version) ?? []), revision])
    }
  }
  for (const { version, revision } of acknowledged) expect(versions.get(version), version).toEqual([revision])
}
