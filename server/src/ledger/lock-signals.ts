import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import { ChurningMap } from '../../../runtime/churning-map.ts'
import { decodeBody } from '../domain/kind.ts'
import { RecentMap } from '../domain/recent-map.ts'
import type { FeedTail } from './feed.ts'
import type { FeedChange } from './feed-entry.ts'

/** Who wants to know what becomes of a lock. */
export interface LockListener {
  changed(lock: Lock): void
  /** Changes were missed: look how it stands. */
  gap(): void
}

/** For how many changes it is known how a lock stood after them. */
const KEPT = 2000

/** Tells of locks as they change, whichever server changed them. */
export class LockSignals implements FeedTail {
  readonly #listeners = new ChurningMap<string, Set<LockListener>>()
  /** How locks stood after their last changes, by name; and of changes by other servers whose name was not read yet. */
  readonly #lately = new RecentMap<string, LastChange>(KEPT)
  #unnamed: Buffer[] = []
  /** How many times locks have changed: whoever shows places in the queue looks whether this has moved. */
  version = 0
  /** How many of these came from other servers. */
  foreign = 0

  /**
   * Calls `listener` for each change of a lock after the one that the caller has seen, until the function that it gives
   * is called: also for one that was told before this call, such as a grant in the very commit that took the request.
   */
  listen({ name, revision }: Pick<Lock, 'name' | 'revision'>, listener: LockListener): () => void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined) this.#listeners.set(name, new Set([listener]))
    else listeners.add(listener)
    const last = this.#last(name)
    if (last !== undefined && last.revision > revision) {
      queueMicrotask(() => {
        if (this.#listeners.get(name)?.has(listener)) listener.changed(decodeBody('lock', last.body))
      })
    }
    return () => {
      const set = this.#listeners.get(name)
      if (set?.delete(listener) && set.size === 0) this.#listeners.delete(name)
    }
  }

  changed(changes: readonly FeedChange[]): void {
    for (const { kind, name, revision, body } of changes) {
      if (kind !== 'lock' && kind !== 'hold') continue
      this.version++
      if (name === undefined) this.foreign++
      if (kind === 'hold') continue
      if (name === undefined && this.#listeners.size === 0) {
        this.#unnamed.push(body)
        if (this.#unnamed.length > 2 * KEPT) this.#unnamed = this.#unnamed.slice(-KEPT)
        continue
      }
      if (name !== undefined) this.#lately.set(name, { revision, body })
      if (name !== undefined && !this.#listeners.has(name)) continue
      const lock = decodeBody('lock', body)
      if (name === undefined) this.#lately.set(lock.name, { revision, body })
      for (const listener of [...(this.#listeners.get(lock.name) ?? [])]) listener.changed(lock)
    }
  }

  gap(): void {
    this.version++
    this.foreign++
    this.#unnamed = []
    this.#lately.clear()
    for (const listeners of [...this.#listeners.values()])
      for (const listener of [...listeners]) listener.gap()
  }

  #last(name: string): LastChange | undefined {
    for (const body of this.#unnamed) {
      const { name: unnamed, revision } = decodeBody('lock', body)
      this.#lately.set(unnamed, { revision, body })
    }
    this.#unnamed = []
    return this.#lately.get(name)
  }
}

interface LastChange {
  revision: bigint
  body: Buffer
}
