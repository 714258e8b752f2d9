import type { Lock } from '../../../proto/gen/holdfast/v1/lock.ts'
import { decodeBody } from '../domain/kind.ts'
import type { FeedTail } from './feed.ts'
import type { FeedChange } from './feed-entry.ts'

/** Who wants to know what becomes of a lock. */
export interface LockListener {
  changed(lock: Lock): void
  /** Changes were missed: look how it stands. */
  gap(): void
}

/** Tells of locks as they change, whichever server changed them. */
export class LockSignals implements FeedTail {
  readonly #listeners = new Map<string, Set<LockListener>>()
  /** How many times locks have changed: whoever shows places in the queue looks whether this has moved. */
  version = 0
  /** How many of these came from other servers. */
  foreign = 0

  /** Calls `listener` for each change of the lock, until the function that it gives is called. */
  listen(name: string, listener: LockListener): () => void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined) this.#listeners.set(name, new Set([listener]))
    else listeners.add(listener)
    return () => {
      const set = this.#listeners.get(name)
      if (set?.delete(listener) && set.size === 0) this.#listeners.delete(name)
    }
  }

  changed(changes: readonly FeedChange[]): void {
    for (const { kind, name, body } of changes) {
      if (kind !== 'lock' && kind !== 'hold') continue
      this.version++
      if (name === undefined) this.foreign++
      if (kind === 'hold' || this.#listeners.size === 0) continue
      if (name !== undefined && !this.#listeners.has(name)) continue
      const lock = decodeBody('lock', body)
      for (const listener of [...(this.#listeners.get(lock.name) ?? [])]) listener.changed(lock)
    }
  }

  gap(): void {
    this.version++
    this.foreign++
    for (const listeners of [...this.#listeners.values()])
      for (const listener of [...listeners]) listener.gap()
  }
}
